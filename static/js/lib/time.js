/** Times as people read them, in their own zone and language. Every function is given its "now". */

import { plural } from "./text.js";

const DAY_MS = 86_400_000;
/** @type {[number, string][]} */
const UNITS = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
];
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const weekday = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
});
const withYear = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "long",
  year: "numeric",
});

/** "21:03" @param {string} at */
export function clockTime(at) {
  return clock.format(new Date(at));
}

/** "Sunday, 22 November 2026 at 21:03" @param {string} at */
export function fullTime(at) {
  return full.format(new Date(at));
}

/** "at 21:03", or "on Friday 20 November at 21:03" when that was another day. @param {string} at @param {number} now */
export function dayAndTime(at, now) {
  const time = `at ${clockTime(at)}`;
  if (dayOf(at) === dayOf(now)) return time;
  const label = dayLabel(at, now);
  return label === "Yesterday" ? `yesterday ${time}` : `on ${label} ${time}`;
}

/** Whether something has no end of its own: it is lifted, or ends with the room. @param {string} until */
export function isEndless(until) {
  return until.startsWith("9999");
}

/** "until 21:40", "until tomorrow at 09:15", "until Friday 20 November at 21:40". @param {string} until @param {number} now */
export function untilWhen(until, now) {
  const day = dayOf(until);
  if (day === dayOf(now)) return `until ${clockTime(until)}`;
  const date = new Date(now);
  const tomorrow = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1);
  const label = day === dayOf(tomorrow.getTime()) ? "tomorrow" : dayLabel(until, now);
  return `until ${label.replace("Yesterday", "yesterday")} at ${clockTime(until)}`;
}

/** How long is left, for a count-down: "45 s", from 100 seconds on "2 min". @param {number} seconds */
export function timeLeft(seconds) {
  return seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}

/** The same where there is room for three characters: "45", "2m". @param {number} seconds */
export function timeLeftBriefly(seconds) {
  return seconds < 100 ? String(seconds) : `${Math.ceil(seconds / 60)}m`;
}

/** "5 seconds", "1 minute", "2 hours", "1 day". @param {number} seconds */
export function duration(seconds) {
  for (const [unit, name] of UNITS)
    if (seconds >= unit && seconds % unit === 0) return plural(seconds / unit, name);
  return plural(seconds, "second");
}

/** The calendar day of a moment, here. @param {string | number} at */
export function dayOf(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/** "Today", "Yesterday", "Friday 20 November", "3 March 2025". @param {string} at @param {number} now */
export function dayLabel(at, now) {
  const today = new Date(now);
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (dayOf(at) === dayOf(now)) return "Today";
  if (dayOf(at) === dayOf(yesterday.getTime())) return "Yesterday";
  const date = new Date(at);
  return date.getFullYear() === today.getFullYear() ? weekday.format(date) : withYear.format(date);
}

/** How long until the day labels are wrong. @param {number} now */
export function msUntilMidnight(now) {
  const date = new Date(now);
  return Math.min(
    DAY_MS,
    new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime() - now,
  );
}

/** "just now", "5 minutes ago", "yesterday". @param {string} at @param {number} now */
export function ago(at, now) {
  const seconds = Math.max(0, (now - Date.parse(at)) / 1000);
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (seconds < 60) return "just now";
  if (seconds < 3600) return words.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86_400) return words.format(-Math.floor(seconds / 3600), "hour");
  return words.format(-Math.floor(seconds / 86_400), "day");
}
