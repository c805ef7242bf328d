/** Rules about text that need no page: counting, links, emoji, codes, lists of names. */

const LINK = /https?:\/\/[^\s<>"'`{}|\\^]+/giu;
const EMOJI_ONLY =
  /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Extended_Pictographic}|\p{Regional_Indicator}|[0-9#*]\uFE0F?\u20E3|[\u200D\uFE0F\u{1F3FB}-\u{1F3FF}\u{E0020}-\u{E007F}]|\s)+$/u;
const LARGE_EMOJI_LIMIT = 6;
/** Neither a space nor a control character nor ignorable nor one of a few more blanks: see flask_chat/domain/unseen.py. */
const SEEN = /[^\p{Z}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\uFFF9-\uFFFB\u{1D159}]/u;
const RIGHT_TO_LEFT =
  /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** How many characters the server will count: code points, not UTF-16 units. @param {string} text */
export function countCharacters(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Whether there is nothing to be seen, as the server decides it. @param {string} text */
export function isBlank(text) {
  return !SEEN.test(text);
}

/**
 * The text cut into plain pieces and http(s) links; joined again it is the text, unchanged.
 * @param {string} text
 * @returns {{text: string, href?: string}[]}
 */
export function splitLinks(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const link = withoutTrailingPunctuation(match[0]);
    const href = toHref(link);
    if (href === null) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: link, href });
    end = match.index + link.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/** "…see https://example.org/a_(b)." ends before the full stop, and keeps a bracket it opened. @param {string} link */
function withoutTrailingPunctuation(link) {
  let end = link.length;
  while (end > 0) {
    const last = link[end - 1];
    const kept = link.slice(0, end);
    const closesOwnBracket =
      (last === ")" && count(kept, "(") >= count(kept, ")")) ||
      (last === "]" && count(kept, "[") >= count(kept, "]"));
    if (closesOwnBracket || !/[.,;:!?)\]…*_~’”»]/u.test(last)) break;
    end -= 1;
  }
  return link.slice(0, end);
}

/**
 * What somebody wrote, to stand in a sentence of ours: letters that run from right to left would otherwise turn the
 * sentence around, so that Mallory seems to have muted whom she was muted by.
 * @param {string} text
 */
export function isolated(text) {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/** Words of the sentences in which the timeline tells what has happened; flask_chat/web/changes.py has the same. */
const OUR_WORDS =
  /\b(and|are|banned|came|changed|host|is|joined|left|let|lifted|locked|made|muted|opened|others?|removed|renewed|set|slow|took|turned|was|went|were)\b/i;

/**
 * A name in a sentence of ours: one that reads like such a sentence itself ("Bob was removed") stands in quotes.
 * @param {string} name
 */
export function named(name) {
  return OUR_WORDS.test(name) ? `“${isolated(name)}”` : isolated(name);
}

/** @param {string} text @param {string} letter */
function count(text, letter) {
  return text.split(letter).length - 1;
}

/** @param {string} link */
function toHref(link) {
  try {
    const url = new URL(link);
    return url.hostname === "" ? null : url.href;
  } catch {
    return null;
  }
}

/** One to six emoji and nothing else: shown larger. @param {string} text */
export function isFewEmoji(text) {
  if (
    text.length > 120 ||
    !EMOJI_ONLY.test(text) ||
    !/\p{Emoji_Presentation}|\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20E3/u.test(text)
  )
    return false;
  return countGraphemes(text.replace(/\s/gu, "")) <= LARGE_EMOJI_LIMIT;
}

/** @param {string} text */
function countGraphemes(text) {
  if (typeof Intl.Segmenter !== "function") return countCharacters(text);
  return [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)].length;
}

/** What stands on an avatar. @param {string} name */
export function initial(name) {
  const trimmed = name.trim();
  if (trimmed === "") return "?";
  if (typeof Intl.Segmenter !== "function") return [...trimmed][0].toUpperCase();
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(trimmed);
  return first.segment.toLocaleUpperCase();
}

/**
 * The room code in what somebody typed or pasted: any case, spaces and dashes, or a whole link around it.
 * Returns at most four capital letters, fewer while typing.
 * @param {string} typed
 */
export function readCode(typed) {
  const link = /\/r\/([^/?#\s]+)/iu.exec(typed);
  return (link ? link[1] : typed)
    .replace(/[^a-z]/giu, "")
    .slice(0, 4)
    .toUpperCase();
}

/** The invite in a link to a room; "" when there is none. @param {string} typed */
export function readInvite(typed) {
  return /\/r\/[^/?#\s]+\?(?:[^#\s]*&)?invite=([\w-]+)/iu.exec(typed)?.[1] ?? "";
}

/**
 * "Ada", "Ada and Grace", "Ada, Grace and Mallory", "Ada, Grace and 3 others".
 * @param {string[]} names
 */
export function listNames(names) {
  if (names.length <= 1) return names.join("");
  if (names.length === 2) return `${names[0]} and ${names[1]}`;
  if (names.length === 3) return `${names[0]}, ${names[1]} and ${names[2]}`;
  return `${names[0]}, ${names[1]} and ${names.length - 2} others`;
}

/** "1 message", "2 messages". @param {number} count @param {string} one @param {string} [many] */
export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/**
 * A refusal as a cause to go on from, without its full stop and without what it asks of people: the page does that by
 * itself. "This server is full. Please try again later." is "This server is full".
 * @param {string} message
 */
export function withoutAdvice(message) {
  return message.replace(/ Please .*/su, "").replace(/[.!]$/u, "");
}
