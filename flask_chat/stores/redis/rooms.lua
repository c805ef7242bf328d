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
-- The rules are those of stores/memory.py, and one test holds them to be the same. A refusal is a
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

local function free_name(room, member)
  local own = call('HGET', room, 'n:' .. member)
  if own then
    for _, key in ipairs(split(own)) do
      call('HDEL', room, 'k:' .. key)
    end
    call('HDEL', room, 'n:' .. member)
  end
end

local function is_taken(room, keys, member)
  for _, key in ipairs(split(keys)) do
    local owner = call('HGET', room, 'k:' .. key)
    if owner and owner ~= member then
      return true
    end
  end
  return false
end

local function claim_name(room, member, keys)
  free_name(room, member)
  for _, key in ipairs(split(keys)) do
    call('HSET', room, 'k:' .. key, member)
  end
  call('HSET', room, 'n:' .. member, keys)
end

-- Change what is given of a member's record; nothing when there is none.
local function change_person(room, member, role, muted, name)
  local record = call('HGET', room, 'm:' .. member)
  if record then
    local head, old_role, old_muted, old_name = string.match(
      record, '^([^|]*|[^|]*|[^|]*|)([^|]*)|([^|]*)|(.*)$'
    )
    local parts = { head .. (role or old_role), muted or old_muted, name or old_name }
    call('HSET', room, 'm:' .. member, table.concat(parts, '|'))
  end
end

-- Change the fields of a room that are given: name=value, NUL between.
local function change_room(room, changes)
  for _, change in ipairs(split(changes)) do
    local name, value = string.match(change, '^([a-z_]+)=(.*)$')
    call('HSET', room, name, value)
  end
end

-- What is read of an event that is kept with these bytes.
local function readable(state, seq, data)
  return state.removed and call('HGET', state.room .. ':removed', seq) or data
end

-- Forget what is read in place of these events; how many bytes that frees.
local function drop_removed(room, seqs)
  local removed, freed = room .. ':removed', 0
  for _, data in ipairs(call('HMGET', removed, unpack(seqs))) do
    freed = freed + (data and #data or 0)
  end
  if freed > 0 then
    call('HDEL', removed, unpack(seqs))
  end
  return freed
end

local function drop_oldest(state, count)
  local log, keys = keys_of(state.room)
  local freed, known, seqs = 0, {}, {}
  local oldest = call('XRANGE', log, '-', '+', 'COUNT', count)
  for i, entry in ipairs(oldest) do
    local data = entry[2][2]
    freed = freed + #data
    known[#known + 1] = key_of(data)
    seqs[i] = string.match(entry[1], '^%d+')
  end
  if #known > 0 then
    call('HDEL', keys, unpack(known))
  end
  if state.removed then
    freed = freed + drop_removed(state.room, seqs)
  end
  call('XTRIM', log, 'MAXLEN', call('XLEN', log) - #oldest)
  return freed
end

-- Forget the oldest events until all that is kept fits; the newest stays however large it is.
local function trim(state, most_events, most_bytes)
  local log, bytes = state.room .. ':log', state.bytes
  local count = call('XLEN', log)
  while most_events > 0 and count > most_events and count > 1 do
    local over = math.min(count - math.max(most_events, 1), 100)
    bytes = bytes - drop_oldest(state, over)
    count = count - over
  end
  while most_bytes > 0 and bytes > most_bytes and count > 1 do
    bytes = bytes - drop_oldest(state, 1)
    count = count - 1
  end
  return bytes
end

-- What a call works on; `told` is what the room will be told.
local function open(room)
  local got = call('HMGET', room, 'seq', 'bytes', 'ended', 'removed', 'slow_mode_seconds')
  if not got[1] then
    return nil
  end
  return {
    room = room, seq = tonumber(got[1]), bytes = tonumber(got[2]), ended = got[3],
    removed = got[4], pause = tonumber(got[5] or 0), told = {},
  }
end

local function add(state, body, key)
  local log, keys = keys_of(state.room)
  state.seq = state.seq + 1
  local data = numbered(body, state.seq)
  call('XADD', log, state.seq .. '-1', 'e', data)
  if key then
    call('HSET', keys, key, state.seq)
  end
  state.bytes = state.bytes + #data
  state.told[#state.told + 1] = data
  return state.seq
end

local function finish(state, most_events, most_bytes)
  if #state.told == 0 then
    return
  end
  state.bytes = trim(state, most_events, most_bytes)
  call('HSET', state.room, 'seq', state.seq, 'bytes', state.bytes)
  call('SPUBLISH', state.room .. ':bus', table.concat(state.told, '\n'))
end

local function nothing_new(state)
  return { state.seq, '' }
end

-- Events by their letter: p posted, d message removed, j joined, l left, x member removed, r renamed,
-- m member changed, h host changed, c room changed, e ended, o other.
-- Each gets (state, a, b, c, body) and gives the new number, {number, data} of what is known, or a word.
local events = {}

-- A room has a deadline when the last one has left, and none while somebody is here.
local function went(state, member, deadline)
  local here = state.room .. ':here'
  if call('ZREM', here, member) == 1 and call('ZCARD', here) == 0 then
    call('HSET', state.room, 'deadline', deadline)
  end
end

local function is_member(state, member)
  return call('HEXISTS', state.room, 'n:' .. member) == 1
end

local function entry_at(state, seq)
  local entry = call('XRANGE', state.room .. ':log', seq .. '-1', seq .. '-1')[1]
  return entry and entry[2][2]
end

-- Who it is that speaks: a browser, if there is one, as `speaker` in domain/members.py has it.
local function speaker_of(state, member)
  local marks = call('HGET', state.room, 'a:' .. member) or ''
  local own, network = string.match(marks, '^([^ ]*) ?(.*)$')
  return own == network and member or own
end

-- Why somebody with this record may not speak at that time. Where they may, slow mode counts from it.
local function take_turn(state, by, record, at)
  local role, muted = string.match(record, '^[^|]*|[^|]*|[^|]*|([^|]*)|([^|]*)|')
  if muted ~= '' and tonumber(muted) > tonumber(at) then
    return 'muted:' .. muted .. ':' .. at
  end
  if state.pause > 0 and role == 'g' then
    local spoke = state.room .. ':spoke'
    local who = speaker_of(state, by)
    local since = tonumber(at) - tonumber(call('HGET', spoke, who) or '-inf')
    if since < state.pause * 1000 then
      return string.format('slow_mode:%d:%d', state.pause, since)
    end
    call('HSET', spoke, who, at)
  end
end

function events.p(state, by, key, at, body)
  local _, keys = keys_of(state.room)
  local known = call('HGET', keys, by .. ':' .. key)
  if known then
    return { tonumber(known), readable(state, known, entry_at(state, known)) }
  end
  if state.ended then
    return 'room_ended'
  end
  local got = call('HMGET', state.room, 'n:' .. by, 'm:' .. by)
  if not got[1] then
    return 'token_invalid'
  end
  return take_turn(state, by, got[2], at) or add(state, body, by .. ':' .. key)
end

-- Who brings an event about that has no number yet; nil for nobody.
local function actor_of(body)
  return string.match(body, '^{"kind":"[a-z_]+","at":"[^"]*","by":"([^"]*)"')
end

-- h, c or g; nil for somebody who is no member.
local function role_of(state, member)
  local got = call('HMGET', state.room, 'n:' .. member, 'm:' .. member)
  return got[1] and string.match(got[2], '^[^|]*|[^|]*|[^|]*|([^|]*)|')
end

-- What the roles of who acts and whom it is about have against an act, as check_… in
-- domain/moderation.py have it. `about` is nil for nobody.
local rules = {}

function rules.none()
  return nil
end

function rules.moderator(by)
  return by == 'g' and 'not_moderator'
end

function rules.host(by)
  return by ~= 'h' and 'not_host'
end

function rules.over(by, about, is_self)
  if by == 'g' then
    return 'not_moderator'
  end
  return is_self and 'over_oneself' or by ~= 'h' and about and about ~= 'g' and 'over_moderator'
end

function rules.role(by, about)
  return by ~= 'h' and 'not_host' or about == 'h' and 'role_of_host'
end

-- Why whoever brings this about may not, by the rule with this name.
local function not_allowed(state, rule, body, target)
  local actor = actor_of(body)
  if not actor then
    return nil
  end
  local role = role_of(state, actor)
  if not role then
    return 'token_invalid'
  end
  local about = target and role_of(state, target)
  return rules[target and not about and 'moderator' or rule](role, about, actor == target)
end

-- Why whoever removes this message may not; nil for no message.
local function not_allowed_to_remove(state, kept, body)
  local actor = actor_of(body)
  local author = kept and string.match(kept, ',"by":"([^"]*)"')
  return not_allowed(state, author and author ~= actor and 'moderator' or 'none', body)
end

function events.d(state, target, _, _, body)
  local removed = state.room .. ':removed'
  local data = tonumber(target) > 0 and entry_at(state, target)
  local kept = data and redacted(data)
  local refusal = not_allowed_to_remove(state, kept, body)
  if refusal then
    return refusal
  end
  if not kept then
    return 'no_message'
  end
  if call('HSETNX', removed, target, kept) == 0 then
    return nothing_new(state)
  end
  state.bytes = state.bytes + #kept
  if not state.removed then
    state.removed = '1'
    call('HSET', state.room, 'removed', '1')
  end
  return add(state, body)
end

function events.j(state, member, _, _, body)
  local here = state.room .. ':here'
  if not is_member(state, member) then
    return 'token_invalid'
  end
  if call('ZSCORE', here, member) then
    return nothing_new(state)
  end
  local seq = add(state, body)
  call('ZADD', here, seq, member)
  call('HDEL', state.room, 'deadline')
  return seq
end

function events.l(state, member, reason, deadline, body)
  local here = state.room .. ':here'
  if not is_member(state, member) then
    return 'token_invalid'
  end
  if reason == 'gone' and not call('ZSCORE', here, member) then
    return nothing_new(state)
  end
  went(state, member, deadline)
  if reason ~= 'gone' then
    free_name(state.room, member)
  end
  return add(state, body)
end

function events.x(state, member, _, deadline, body)
  local refusal = not_allowed(state, 'over', body, member)
  if refusal then
    return refusal
  end
  if not is_member(state, member) then
    return 'no_person'
  end
  free_name(state.room, member)
  went(state, member, deadline)
  return add(state, body)
end

function events.r(state, member, name, keys, body)
  if is_taken(state.room, keys, member) then
    return 'name_taken'
  end
  change_person(state.room, member, nil, nil, name)
  if is_member(state, member) then
    claim_name(state.room, member, keys)
  end
  return add(state, body)
end

-- An empty role stays as it is, and so does `muted` when it is "kept".
function events.m(state, member, role, muted, body)
  local refusal = not_allowed(state, role ~= '' and 'role' or 'over', body, member)
  if refusal then
    return refusal
  end
  if not is_member(state, member) then
    return 'no_person'
  end
  change_person(state.room, member, role ~= '' and role, muted ~= 'kept' and muted)
  return add(state, body)
end

function events.h(state, member, previous, reason, body)
  if not is_member(state, member) then
    return 'no_person'
  end
  local is_back = reason == 'gone' and call('ZSCORE', state.room .. ':here', previous)
  if is_back or previous ~= call('HGET', state.room, 'host') then
    return nothing_new(state)
  end
  change_person(state.room, previous, reason == 'handed_over' and 'c' or 'g')
  change_person(state.room, member, 'h', '')
  call('HSET', state.room, 'host', member)
  return add(state, body)
end

local function door_changes(room)
  call('HINCRBY', room, 'version', 1)
end

function events.c(state, changes, _, _, body)
  local refusal = not_allowed(state, 'moderator', body)
  if refusal then
    return refusal
  end
  change_room(state.room, changes)
  door_changes(state.room)
  state.pause = tonumber(call('HGET', state.room, 'slow_mode_seconds') or 0)
  if state.pause == 0 then
    call('UNLINK', state.room .. ':spoke')
  end
  return add(state, body)
end

function events.e(state, reason, _, at, body)
  local refusal = not_allowed(state, 'host', body)
  if refusal then
    return refusal
  end
  if reason == 'empty' and call('ZCARD', state.room .. ':here') > 0 then
    return nothing_new(state)
  end
  state.ended = '1'
  call('HSET', state.room, 'ended', '1', 'deadline', at)
  return add(state, body)
end

function events.o(state, _, _, _, body)
  return add(state, body)
end

-- Change a note: without `is_noted` there is none by this name from then on.
local function set_note(room, name, is_noted, note)
  if is_noted ~= '' then
    call('HSET', room .. ':notes', name, note)
  else
    call('HDEL', room .. ':notes', name)
  end
end

-- append <room> most_events most_bytes (letter a b c body)…
-- An answer for each, and in front of them how many bytes more are kept than before. The letter n is
-- a note, (name, is_noted, note), that is changed if the event before it was appended.
local function append(keys, args)
  local state = open(keys[1])
  if not state then
    return 'room_ended'
  end
  local before, answers = state.bytes, { 0 }
  for i = 3, #args, 5 do
    local letter = args[i]
    if letter == 'n' then
      if type(answers[#answers]) == 'number' then
        set_note(state.room, args[i + 1], args[i + 2], args[i + 3])
        door_changes(state.room)
      end
    elseif state.ended and letter ~= 'p' then
      answers[#answers + 1] = 'room_ended'
    else
      answers[#answers + 1] = events[letter](
        state, args[i + 1], args[i + 2], args[i + 3], args[i + 4]
      )
    end
  end
  finish(state, tonumber(args[1]), tonumber(args[2]))
  answers[1] = state.bytes - before
  return answers
end

-- Those who came with this browser and are members.
local function members_of(room, browser)
  local found = {}
  for _, member in ipairs(split(call('HGET', room, 'b:' .. browser) or '')) do
    if call('HEXISTS', room, 'n:' .. member) == 1 then
      found[#found + 1] = member
    end
  end
  return found
end

local function keep_marks(state, member, marks)
  call('HSET', state.room, 'a:' .. member, marks)
  local browser = speaker_of(state, member)
  if browser ~= member then
    local twins = members_of(state.room, browser)
    twins[#twins + 1] = member
    call('HSET', state.room, 'b:' .. browser, table.concat(twins, '\0'))
  end
end

local function admit_to(state, member, person, name_keys, marks, body)
  local seq = add(state, body)
  call('HSET', state.room, 'm:' .. member, seq .. '|' .. person)
  if marks ~= '' then
    keep_marks(state, member, marks)
  end
  claim_name(state.room, member, name_keys)
  call('ZADD', state.room .. ':here', seq, member)
  call('HINCRBY', state.room, 'people', 1)
  call('HDEL', state.room, 'deadline')
  return seq
end

-- create <room> record host changes member person name_keys marks body: the number of its first event.
-- `changes` as in change_room. Once more with the same member changes nothing.
local function create(keys, args)
  local room = keys[1]
  if call('EXISTS', room) == 1 then
    return 1
  end
  call('HSET', room, 'record', args[1], 'host', args[2], 'seq', 0, 'bytes', 0)
  change_room(room, args[3])
  local state = open(room)
  local seq = admit_to(state, args[4], args[5], args[6], args[7], args[8])
  finish(state, 0, 0)
  return seq
end

-- Change notes: name is_noted note, from `first` on.
local function set_notes(room, args, first)
  for i = first, #args, 3 do
    set_note(room, args[i], args[i + 1], args[i + 2])
  end
  if #args >= first then
    door_changes(room)
  end
end

-- admit <room> most_events most_bytes version places records member person name_keys marks body
-- (name is_noted note)…: of this version, or of any if that is empty.
local function admit(keys, args)
  local state = open(keys[1])
  if not state or state.ended then
    return 'room_ended'
  end
  local member = args[6]
  if is_member(state, member) then
    return { 0, 0 } -- the second time of one that was not known to have been carried out
  end
  if args[3] ~= '' and args[3] ~= (call('HGET', state.room, 'version') or '0') then
    return 'door_changed'
  end
  if is_taken(state.room, args[8], member) then
    return 'name_taken'
  end
  local places, records = tonumber(args[4]), tonumber(args[5])
  local people = tonumber(call('HGET', state.room, 'people'))
  if places > 0 and (call('ZCARD', state.room .. ':here') >= places or people >= records) then
    return 'room_full'
  end
  local before = state.bytes
  local seq = admit_to(state, member, args[7], args[8], args[9], args[10])
  set_notes(state.room, args, 11)
  finish(state, tonumber(args[1]), tonumber(args[2]))
  return { state.bytes - before, seq }
end

-- wipe <room>: how many bytes that frees.
local function wipe(keys)
  local room = keys[1]
  local freed = tonumber(call('HGET', room, 'bytes') or 0)
  call('UNLINK', room, room .. ':removed', room .. ':notes', room .. ':spoke', keys_of(room))
  return freed
end

-- shrink <room> bytes: forget about so many of the oldest; how many it was.
local function shrink(keys, args)
  local state = open(keys[1])
  if not state or state.bytes == 0 then
    return 0
  end
  local left = trim(state, 0, math.max(state.bytes - tonumber(args[1]), 1))
  call('HSET', keys[1], 'bytes', left)
  return state.bytes - left
end

-- note <room> by (name is_noted note)…: `by` is a moderator, or empty for nobody.
local function note(keys, args)
  local state = open(keys[1])
  if not state then
    return 'room_ended'
  end
  local role = args[1] == '' and 'h' or role_of(state, args[1])
  if not role then
    return 'token_invalid'
  end
  local refusal = rules.moderator(role)
  if refusal then
    return refusal
  end
  set_notes(keys[1], args, 2)
  return 0
end

-- end_by <room> at: the deadline, "" for none. 0 when it was that already.
local function end_by(keys, args)
  local got = call('HMGET', keys[1], 'seq', 'deadline')
  if not got[1] then
    return 'room_ended'
  end
  if (got[2] or '') == args[1] then
    return 0
  end
  if args[1] == '' then
    call('HDEL', keys[1], 'deadline')
  else
    call('HSET', keys[1], 'deadline', args[1])
  end
  return 1
end

-- Reading

-- Put what is read of removed messages in the place of these events, of which the first is `first`.
local function redact(room, found, first)
  for from = 1, #found, 1000 do
    local seqs = {}
    for i = from, math.min(from + 999, #found) do
      seqs[#seqs + 1] = first + i - 1
    end
    for i, data in ipairs(call('HMGET', room .. ':removed', unpack(seqs))) do
      found[from + i - 1] = data or found[from + i - 1]
    end
  end
end

-- {events, start, first_seq, last_seq}
local function page(state, first, last)
  local log, seq = state.room .. ':log', state.seq
  local first_seq = seq - call('XLEN', log) + 1
  first = math.max(first, first_seq)
  last = math.min(last, seq)
  local found = {}
  if first <= last then
    for _, entry in ipairs(call('XRANGE', log, first .. '-1', last .. '-1')) do
      found[#found + 1] = entry[2][2]
    end
    if state.removed then
      redact(state.room, found, first)
    end
  end
  return { found, first, first_seq, seq }
end

local function page_before(state, before, limit)
  local last = math.min(before - 1, state.seq)
  return page(state, last - limit + 1, last)
end

-- {id, order|hue|glyph|role|muted|name, is here} of each
local function people(room, also)
  local here = call('ZRANGE', room .. ':here', 0, -1)
  local ids, is_here, fields = {}, {}, {}
  for _, member in ipairs(here) do
    ids[#ids + 1] = member
    is_here[member] = 1
  end
  for _, member in ipairs(also) do
    if not is_here[member] then
      ids[#ids + 1] = member
      is_here[member] = 0
    end
  end
  local found = {}
  for from = 1, #ids, 1000 do
    local to = math.min(from + 999, #ids)
    fields = {}
    for i = from, to do
      fields[#fields + 1] = 'm:' .. ids[i]
    end
    for i, record in ipairs(call('HMGET', room, unpack(fields))) do
      if record then
        local member = ids[from + i - 1]
        found[#found + 1] = { member, record, is_here[member] }
      end
    end
  end
  return found
end

-- after <room> seq limit; before <room> seq limit
local function after(keys, args)
  local state = open(keys[1])
  if not state then
    return 'room_ended'
  end
  local first_seq = state.seq - call('XLEN', keys[1] .. ':log') + 1
  local first = math.max(tonumber(args[1]) + 1, first_seq)
  return page(state, first, first + tonumber(args[2]) - 1)
end

-- lost <room> after to: what some were shown under these numbers is not in the log any more. Who
-- comes back with one of them may have seen it, and has to be shown the room anew.
local function lost(keys, args)
  local got = call('HMGET', keys[1], 'seq', 'lost_after', 'lost_to')
  if got[1] then
    local after = math.min(tonumber(args[1]), tonumber(got[2] or args[1]))
    local to = math.max(tonumber(args[2]), tonumber(got[3] or args[2]))
    call('HSET', keys[1], 'lost_after', after, 'lost_to', to)
  end
  return 0
end

local function before(keys, args)
  local state = open(keys[1])
  return state and page_before(state, tonumber(args[1]), tonumber(args[2])) or 'room_ended'
end

-- snapshot <room> after newest most field…: {fields, page, people, is complete}. Without `after`: -1
local function snapshot(keys, args)
  local room, state = keys[1], open(keys[1])
  if not state then
    return 'room_ended'
  end
  local seq, since, most = state.seq, tonumber(args[1]), tonumber(args[3])
  local first_seq = seq - call('XLEN', room .. ':log') + 1
  local complete = since >= 0 and first_seq - 1 <= since and since <= seq and seq <= since + most
  local gone = call('HMGET', room, 'lost_after', 'lost_to')
  if gone[1] and tonumber(gone[1]) < since and since <= tonumber(gone[2]) then
    complete = false
  end
  local found = complete and page(state, since + 1, seq)
    or page_before(state, seq + 1, tonumber(args[2]))
  local also, known = {}, {}
  for _, data in ipairs(found[1]) do
    for _, named in ipairs(people_in(data)) do
      if named ~= '' and not known[named] then
        known[named] = true
        also[#also + 1] = named
      end
    end
  end
  local fields = call('HMGET', room, unpack(args, 4))
  return { fields, found, people(room, also), complete and 1 or 0 }
end

-- members <room> also…
local function members(keys, args)
  return call('EXISTS', keys[1]) == 1 and people(keys[1], args) or 'room_ended'
end

-- member <room> member: {record, is here}, an empty list for nobody
local function member(keys, args)
  local got = call('HMGET', keys[1], 'seq', 'm:' .. args[1], 'n:' .. args[1])
  if not got[1] then
    return 'room_ended'
  end
  if not got[3] then
    return {}
  end
  return { got[2], call('ZSCORE', keys[1] .. ':here', args[1]) and 1 or 0 }
end

-- twins <room> member: {id, order|hue|glyph|role|muted|name, is here} of each
local function twins(keys, args)
  local room, member, found = keys[1], args[1], {}
  if call('EXISTS', room) == 0 then
    return 'room_ended'
  end
  for _, twin in ipairs(members_of(room, speaker_of({ room = room }, member))) do
    if twin ~= member then
      local is_here = call('ZSCORE', room .. ':here', twin) and 1 or 0
      found[#found + 1] = { twin, call('HGET', room, 'm:' .. twin), is_here }
    end
  end
  return found
end

-- door <room> field…: {fields, {name, note, name, note…}, version}
local function door(keys, args)
  local room = keys[1]
  if call('EXISTS', room) == 0 then
    return 'room_ended'
  end
  local version = tonumber(call('HGET', room, 'version') or 0)
  return { call('HMGET', room, unpack(args)), call('HGETALL', room .. ':notes'), version }
end

-- names <room>: order|hue|glyph|role|muted|name of every member
local function names(keys)
  if call('EXISTS', keys[1]) == 0 then
    return 'room_ended'
  end
  local found, all = {}, call('HGETALL', keys[1])
  local is_member, records = {}, {}
  for i = 1, #all, 2 do
    local kind, id = string.sub(all[i], 1, 2), string.sub(all[i], 3)
    if kind == 'n:' then
      is_member[id] = true
    elseif kind == 'm:' then
      records[id] = all[i + 1]
    end
  end
  for id, record in pairs(records) do
    if is_member[id] then
      found[#found + 1] = record
    end
  end
  return found
end

-- Codes, each in a slot of its own, and the one list of all rooms

-- claim <code> room seconds stale: the room that has the code now. A claim is forgotten after so many
-- seconds unless it is kept; `stale` is a room that has the code and is no more.
local function claim(keys, args)
  local owner = call('GET', keys[1])
  if owner and owner ~= args[1] and owner ~= args[3] then
    return { owner, call('PTTL', keys[1]) }
  end
  call('SET', keys[1], args[1], 'EX', args[2])
  return { args[1], 0 }
end

-- keep <code> room: 1 when the code is the room's, for as long as it lives.
local function keep(keys, args)
  if call('GET', keys[1]) ~= args[1] then
    return 0
  end
  call('PERSIST', keys[1])
  return 1
end

-- release <code> room
local function release(keys, args)
  if call('GET', keys[1]) == args[1] then
    call('DEL', keys[1])
  end
  return 0
end

-- The list says for each room when to look at it next, which is never after its deadline: whoever
-- brings a deadline about puts it here first. Looking may find that it is not so (any more).

-- enlist <rooms> room limit look_at: 0 when there are as many rooms as may be.
local function enlist(keys, args)
  local limit = tonumber(args[2])
  if limit > 0 and call('ZCARD', keys[1]) >= limit and not call('ZSCORE', keys[1], args[1]) then
    return 0
  end
  call('ZADD', keys[1], 'NX', args[3], args[1])
  return 1
end

-- look_at <rooms> room at: not later than then. A look that is under way notices that there is news.
local function look_at(keys, args)
  local now, at = call('ZSCORE', keys[1], args[1]), tonumber(args[2])
  if now then
    call('ZADD', keys[1], math.min(tonumber(now) - 0.001, at), args[1])
  end
  return 0
end

-- looked <rooms> room seen look_at: what was seen is no deadline; nothing if it has changed meanwhile.
local function looked(keys, args)
  local now = call('ZSCORE', keys[1], args[1])
  if now and tonumber(now) == tonumber(args[2]) then
    if args[3] == '' then
      call('ZREM', keys[1], args[1])
    else
      call('ZADD', keys[1], args[3], args[1])
    end
  end
  return 0
end

local function writing(name, callback)
  redis.register_function('VERSION_' .. name, callback)
end

local function reading(name, callback)
  redis.register_function {
    function_name = 'VERSION_' .. name, callback = callback, flags = { 'no-writes' },
  }
end

writing('append', append)
writing('create', create)
writing('admit', admit)
writing('wipe', wipe)
writing('shrink', shrink)
writing('lost', lost)
writing('end_by', end_by)
writing('note', note)
writing('claim', claim)
writing('keep', keep)
writing('release', release)
writing('enlist', enlist)
writing('look_at', look_at)
writing('looked', looked)
reading('after', after)
reading('before', before)
reading('snapshot', snapshot)
reading('members', members)
reading('member', member)
reading('twins', twins)
reading('door', door)
reading('names', names)
