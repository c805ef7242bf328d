#!lua name=VERSION

-- What strangers do, counted for all servers. The rules are those of local.py and domain/limits.py,
-- where a bucket is one time: when it will be full again. Times are those of the node, so that
-- servers whose clocks differ count alike; tests give theirs. Everything goes when it counts for
-- nothing any more.
--
--   chat:rate:<what>:<who>     string  the bucket of an address
--   chat:{guesses}:of:<who>    string  a network or a browser with wrong codes (MessagePack):
--                                      codes, reserve, own (buckets), strikes, free_at, failed_at,
--                                      brake, brake_failures
--   chat:{guesses}             string  all together: all (a bucket), brake, brake_until
--   chat:{guesses}:index       zset    who is remembered → until when; the first to go, first
--   chat:proof:<challenge>     string  a proof of work that has been used

local CLOCK_ERROR = 0.001
local LONGEST_WAIT, FORGIVEN_AFTER, BRAKE = 900, 3600, 60
local MOST = 100000 -- are remembered, as in local.py

local function call(...) -- redis.call is not there yet while the library is loaded
  return redis.call(...)
end

local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function text(number)
  return string.format('%.17g', number)
end

local function keep(key, value, seconds)
  call('SET', key, value, 'PX', math.max(1, math.ceil(seconds * 1000)))
end

-- One token: when the bucket is full again after that, and the seconds until there is one. A burst
-- of 0 is no limit.
local function take_from(full_at, burst, per_second, at)
  burst, per_second, full_at = tonumber(burst), tonumber(per_second), full_at or 0
  if burst == 0 then
    return full_at, 0
  end
  local filling = burst / per_second
  full_at = math.min(full_at, at + filling)
  local after = math.max(full_at, at) + 1 / per_second
  local wait = after - filling - at
  if wait > CLOCK_ERROR then
    return full_at, wait
  end
  return after, 0
end

local function given_back(full_at, per_second)
  per_second = tonumber(per_second)
  return per_second == 0 and full_at or full_at and full_at - 1 / per_second
end

-- take <bucket> now burst per_second
local function take(keys, args)
  local at = clock(args[1])
  local full_at, wait = take_from(tonumber(call('GET', keys[1]) or 0), args[2], args[3], at)
  if wait == 0 then
    keep(keys[1], text(full_at), full_at - at)
  end
  return text(wait)
end

-- put_back <bucket> now per_second
local function put_back(keys, args)
  local at, full_at = clock(args[1]), tonumber(call('GET', keys[1]) or nil)
  full_at = given_back(full_at, args[2])
  if full_at and full_at > at then
    keep(keys[1], text(full_at), full_at - at)
  elseif full_at then
    call('DEL', keys[1])
  end
  return 0
end

local function read(key)
  local found = call('GET', key)
  return found and cmsgpack.unpack(found) or {}
end

-- Those a call is about, by name. A browser and its network may be the same.
local function records(place, ...)
  local found = {}
  for _, name in ipairs({ ... }) do
    found[name] = found[name] or read(place .. ':of:' .. name)
  end
  return found
end

local function remember(place, found, at)
  local index, last = place .. ':index', 0
  for name, record in pairs(found) do
    local failed_at = record.failed_at
    local till = math.max(record.codes or 0, record.reserve or 0, record.own or 0,
      failed_at and failed_at + FORGIVEN_AFTER or 0)
    if till > at then
      keep(place .. ':of:' .. name, cmsgpack.pack(record), till - at)
      call('ZADD', index, till, name)
    else
      call('DEL', place .. ':of:' .. name)
      call('ZREM', index, name)
    end
    last = math.max(last, till)
  end
  call('ZREMRANGEBYSCORE', index, '-inf', at)
  local surplus = call('ZCARD', index) - MOST
  if surplus > 0 then
    local gone = call('ZPOPMIN', index, surplus)
    for i = 1, #gone, 2 do
      call('DEL', place .. ':of:' .. gone[i])
    end
  end
  if last > at then -- the longest of all: an index that is gone leaves no record behind for long
    local left = call('PTTL', index)
    call('PEXPIRE', index, math.max(left, math.ceil((last - at) * 1000)))
  end
end

local function is_braked(place, own, network, own_burst, at)
  local all = read(place)
  if at >= (all.brake_until or 0) then
    return false
  end
  return own.brake == all.brake
    or network.brake == all.brake and network.brake_failures >= tonumber(own_burst)
      and tonumber(own_burst) > 0
end

-- A token from each network, or from none: the seconds until there is one.
local function take_from_all(found, fund, networks, at)
  local after = {}
  for i, network in ipairs(networks) do
    local rate, wait = network[fund], 0
    after[i], wait = take_from(found[network.name][fund], rate[1], rate[2], at)
    if wait > 0 then
      return wait
    end
  end
  for i, network in ipairs(networks) do
    found[network.name][fund] = after[i]
  end
  return 0
end

-- admit <guesses> now is_browser own own_burst (network, burst and per_second of codes, of reserve)…
-- {fund, own_wait, wait, is_braked}
local function admit(keys, args)
  local at, place, is_browser, own = clock(args[1]), keys[1], args[2] == '1', args[3]
  local networks, names = {}, {}
  for i = 5, #args, 5 do
    local network = { name = args[i], codes = { args[i + 1], args[i + 2] } }
    network.reserve = { args[i + 3], args[i + 4] }
    networks[#networks + 1], names[#names + 1] = network, network.name
  end
  local found = records(place, own, unpack(names))
  local own_wait = math.max(0, (found[own].free_at or 0) - at)
  if own_wait > 0 and is_browser then
    return { '', text(own_wait), text(own_wait), 0 }
  end
  local braked = is_braked(place, found[own], found[names[1]], args[4], at) and 1 or 0
  local fund, wait = 'codes', take_from_all(found, 'codes', networks, at)
  if wait > 0 then
    local reserve_wait = take_from_all(found, 'reserve', networks, at)
    fund = 'reserve'
    if reserve_wait > 0 then
      fund, wait = '', math.min(wait, reserve_wait)
    end
  end
  if fund ~= '' then
    local changed = {}
    for _, name in ipairs(names) do
      changed[name] = found[name]
    end
    remember(place, changed, at)
  end
  return { fund, text(own_wait), text(wait), braked }
end

-- give_back <guesses> now fund (network, per_second)…
local function give_back(keys, args)
  local found = {}
  for i = 3, #args, 2 do
    found[args[i]] = read(keys[1] .. ':of:' .. args[i])
    found[args[i]][args[2]] = given_back(found[args[i]][args[2]], args[i + 1])
  end
  remember(keys[1], found, clock(args[1]))
  return 0
end

local function strike(record, burst, per_second, at)
  if at - (record.failed_at or 0) > FORGIVEN_AFTER then
    record.strikes = 0
  end
  record.own = take_from(record.own, burst, per_second, at)
  local _, wait = take_from(record.own, burst, per_second, at) -- of the next one
  if (record.strikes or 0) > 0 or wait > 0 then
    record.strikes = (record.strikes or 0) + 1
    record.free_at = at + math.min(LONGEST_WAIT, 2 ^ math.min(record.strikes, 32))
  end
end

-- failed <guesses> now is_browser by_proof own network (burst, per_second of one client, of all)
-- 1 when the brake went on
local function failed(keys, args)
  local at, place, own, network = clock(args[1]), keys[1], args[4], args[5]
  local all, went_on, wait = read(place), 0, 0
  all.all, wait = take_from(all.all, args[8], args[9], at)
  if wait > 0 then
    if at >= (all.brake_until or 0) then
      went_on, all.brake = 1, (all.brake or 0) + 1
    end
    all.brake_until = at + BRAKE
  end
  -- Outlives those who know the number of a brake.
  keep(place, cmsgpack.pack(all), FORGIVEN_AFTER + BRAKE)
  local found = records(place, own, network)
  for name, record in pairs(found) do
    -- Who proves work is somebody else than the others without a cookie in this network.
    if name == own and (args[2] == '1' or args[3] == '0') then
      strike(record, args[6], args[7], at)
    end
    if at < (all.brake_until or 0) then
      local before = record.brake == all.brake and record.brake_failures or 0
      record.brake, record.brake_failures = all.brake, before + 1
    end
    record.failed_at = at
  end
  remember(place, found, at)
  return went_on
end

redis.register_function('VERSION_take', take)
redis.register_function('VERSION_put_back', put_back)
redis.register_function('VERSION_admit', admit)
redis.register_function('VERSION_give_back', give_back)
redis.register_function('VERSION_failed', failed)
