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

writing('append', append)
