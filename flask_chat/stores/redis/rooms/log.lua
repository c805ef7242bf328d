-- The log of a room: what is appended, forgotten and told.

-- What is read of an event that is kept with these bytes.
local function readable(state, seq, data)
  return state.removed and call('HGET', state.room .. ':removed', seq) or data
end

local function entry_at(state, seq)
  local entry = call('XRANGE', state.room .. ':log', seq .. '-1', seq .. '-1')[1]
  return entry and entry[2][2]
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
