#!lua name=VERSION

-- Rooms. All keys of a room are in one slot, {room_id}, and a call changes them all or none.
--
--   chat:{room}       hash    record, and beside it what changes: host, topic, locked, knock,
--                             has_passcode, slow_mode_seconds, invites; absent for "", no and 0
--                             seq, bytes, ended, deadline, people
--                             lost_after, lost_to  numbers that others had before a fail-over
--                             version  of the door: how often a rule or a note was changed
--                             removed  1 once a message was removed
--                             m:<member>  order|hue|glyph|role|muted|name    everybody there has been
--                                         muted: until when, in ms since 1970; empty for not
--                             n:<member>  the keys of their name, NUL between    members only
--                             k:<name key>  who has it
--                             a:<member>  their marks, if they have any
--                             b:<mark of a browser>  the members who came with it, NUL between
--   chat:{room}:log   stream  <seq>-1  e <the event's JSON>
--   chat:{room}:keys  hash    <member>:<key> → seq, of the events that are kept
--   chat:{room}:removed  hash  seq → what is read in place of a message that was removed
--   chat:{room}:notes    hash  name → note
--   chat:{room}:spoke    hash  who (speaker_of) → when they spoke last, in ms; in slow mode only
--   chat:{room}:here  zset    member → seq of the event they came with
--   chat:{room}:bus   shard channel: events as they are kept, with line feeds between
--
-- Streams cannot be edited, so the log still has the text of a message that was removed, until that
-- is forgotten like all events. Whoever hands events out puts `removed` in their place: `readable`.
--
-- The files beside this one follow in the order of store.py, as one library. The rules are those of
-- stores/memory, and one test holds them to be the same. A refusal is a
-- word, with numbers behind colons; records.py next door turns it into an error.

local function call(...) -- redis.call is not there yet while the library is loaded
  return redis.call(...)
end

local function keys_of(room)
  return room .. ':log', room .. ':keys', room .. ':here'
end

local function numbered(body, seq)
  return string.format('{"seq":%d,', seq) .. string.sub(body, 2)
end

-- Who posted an event, with which key; nil for all other kinds. A quote within a text is escaped, so
-- what is found is the field and nothing that somebody wrote.
local function key_of(data)
  local by = string.match(data, '^{"seq":%d+,"kind":"message_posted","at":"[^"]*","by":"([^"]*)"')
  local key = by and string.match(data, ',"key":"([^"]*)"')
  return key and (by .. ':' .. key)
end

-- What stays of a message that was removed, as domain/events.py has it; nil for all other kinds. The
-- field behind the text is found as in key_of.
local function redacted(data)
  local head, rest = string.match(
    data, '^({"seq":%d+,"kind":"message_posted","at":"[^"]*","by":"[^"]*",)("text":".*)}$'
  )
  return head and head .. '"text":""' .. string.match(rest, ',"key":".*$') .. ',"removed":true}'
end

-- Whom an event names, as people_in of domain/events.py has it: who did it, and to whom.
local function people_in(data)
  local by = string.match(data, '^{"seq":%d+,"kind":"[a-z_]+","at":"[^"]*","by":"([^"]*)"')
  return {
    by or '',
    string.match(data, ',"member_id":"([^"]*)"') or '',
    string.match(data, ',"previous":"([^"]*)"') or '',
  }
end

local function split(text)
  local parts = {}
  for part in string.gmatch(text, '[^%z]+') do
    parts[#parts + 1] = part
  end
  return parts
end

local function writing(name, callback)
  redis.register_function('VERSION_' .. name, callback)
end

local function reading(name, callback)
  redis.register_function {
    function_name = 'VERSION_' .. name, callback = callback, flags = { 'no-writes' },
  }
end
