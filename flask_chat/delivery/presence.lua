#!lua name=VERSION

-- Who is connected to which server. People are spread over a few buckets, each in one slot, and a
-- call changes one bucket wholly or not at all. Times are those of the node that has the bucket.
--
--   chat:{here:<n>}             hash  person → how many servers they are connected to
--   chat:{here:<n>}:at:<server> set   those who are connected to this server
--   chat:{here:<n>}:gone        zset  those with no connection → when their grace ends
--   chat:{here:<n>}:told        zset  those a server was to call gone → when another one may
--   chat:servers                zset  server → until when it counts as alive
--                                     server! → minus until when somebody sees to its people

local function call(...) -- redis.call is not there yet while the library is loaded
  return redis.call(...)
end

local function now()
  local time = call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function went(bucket, person, grace)
  if call('HINCRBY', bucket, person, -1) <= 0 then
    call('HDEL', bucket, person)
    call('ZADD', bucket .. ':gone', now() + grace, person)
  end
end

-- connected <bucket> server person…
local function connected(keys, args)
  local bucket = keys[1]
  for i = 2, #args do
    if call('SADD', bucket .. ':at:' .. args[1], args[i]) == 1 then
      call('HINCRBY', bucket, args[i], 1)
    end
    call('ZREM', bucket .. ':gone', args[i])
    call('ZREM', bucket .. ':told', args[i])
  end
  return 0
end

-- disconnected <bucket> server grace person…
local function disconnected(keys, args)
  for i = 3, #args do
    if call('SREM', keys[1] .. ':at:' .. args[1], args[i]) == 1 then
      went(keys[1], args[i], tonumber(args[2]))
    end
  end
  return 0
end

-- expect <bucket> grace person
local function expect(keys, args)
  if call('HEXISTS', keys[1], args[2]) == 0 then
    call('ZADD', keys[1] .. ':gone', now() + tonumber(args[1]), args[2])
    call('ZREM', keys[1] .. ':told', args[2])
  end
  return 0
end

-- forget <bucket> server person
local function forget(keys, args)
  local bucket, person = keys[1], args[2]
  if call('SREM', bucket .. ':at:' .. args[1], person) == 1 then
    went(bucket, person, 0)
  end
  call('ZREM', bucket .. ':gone', person)
  call('ZREM', bucket .. ':told', person)
  return 0
end

-- is_awaited <bucket> person
local function is_awaited(keys, args)
  if call('HEXISTS', keys[1], args[1]) == 1 or call('ZSCORE', keys[1] .. ':gone', args[1]) then
    return 1
  end
  return 0
end

-- overdue <bucket> seconds limit: those to be called gone now; by another server in so many seconds.
local function overdue(keys, args)
  local found, at = {}, now()
  for _, list in ipairs({ ':gone', ':told' }) do
    local due = call('ZRANGE', keys[1] .. list, '-inf', at, 'BYSCORE', 'LIMIT', 0, args[2])
    for _, person in ipairs(due) do
      call('ZREM', keys[1] .. ':gone', person)
      call('ZADD', keys[1] .. ':told', at + tonumber(args[1]), person)
      found[#found + 1] = person
    end
  end
  return found
end

-- settle <bucket> person…: those who are connected.
local function settle(keys, args)
  local found = {}
  for _, person in ipairs(args) do
    call('ZREM', keys[1] .. ':told', person)
    if call('HEXISTS', keys[1], person) == 1 then
      found[#found + 1] = person
    end
  end
  return found
end

-- drop <bucket> server grace limit: a server is dead, those connected to it get the grace to come
-- back elsewhere. How many there were.
local function drop(keys, args)
  local people = call('SPOP', keys[1] .. ':at:' .. args[1], args[3])
  for _, person in ipairs(people) do
    went(keys[1], person, tonumber(args[2]))
  end
  return #people
end

-- beat <servers> server seconds is_new again: {1, how many are alive, dead servers…}, or {0} when this
-- one counted as dead. A dead one is given to one server, and after `again` seconds to another: it
-- stays on the list for some minutes, in case something is still done in its name.
local function beat(keys, args)
  local at = now()
  local until_then = call('ZSCORE', keys[1], args[1])
  if args[3] == '0' and (not until_then or tonumber(until_then) < at) then
    return { 0 }
  end
  call('ZADD', keys[1], at + tonumber(args[2]), args[1])
  call('ZREMRANGEBYSCORE', keys[1], 0, at - 300)
  call('ZREMRANGEBYSCORE', keys[1], -at, '(0')
  local reply = { 1, call('ZCOUNT', keys[1], at, '+inf') }
  for _, dead in ipairs(call('ZRANGE', keys[1], 0, at, 'BYSCORE', 'LIMIT', 0, 100)) do
    if call('ZADD', keys[1], 'NX', -(at + tonumber(args[4])), dead .. '!') == 1 then
      reply[#reply + 1] = dead
    end
  end
  return reply
end

-- retire <servers> server: it goes by itself, and is dead from now on.
local function retire(keys, args)
  call('ZADD', keys[1], now() - 1, args[1])
  return 0
end

local function writing(name, callback)
  redis.register_function('VERSION_' .. name, callback)
end

writing('connected', connected)
writing('disconnected', disconnected)
writing('expect', expect)
writing('forget', forget)
writing('overdue', overdue)
writing('settle', settle)
writing('drop', drop)
writing('beat', beat)
writing('retire', retire)
redis.register_function {
  function_name = 'VERSION_is_awaited', callback = is_awaited, flags = { 'no-writes' },
}
