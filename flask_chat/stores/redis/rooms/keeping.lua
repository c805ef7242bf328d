-- What is done with a room as a whole.

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

writing('wipe', wipe)
writing('shrink', shrink)
writing('end_by', end_by)
writing('lost', lost)
