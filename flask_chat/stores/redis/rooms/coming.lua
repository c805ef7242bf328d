-- How people come in, and what is noted at the door.

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

writing('create', create)
writing('admit', admit)
writing('note', note)
