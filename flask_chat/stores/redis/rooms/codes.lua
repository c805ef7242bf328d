-- Codes, each in a slot of its own, and the one list of all rooms.

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

writing('claim', claim)
writing('keep', keep)
writing('release', release)
writing('enlist', enlist)
writing('look_at', look_at)
writing('looked', looked)
