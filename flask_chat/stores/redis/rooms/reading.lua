-- Reading.

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

reading('after', after)
reading('before', before)
reading('snapshot', snapshot)
reading('members', members)
reading('member', member)
reading('twins', twins)
reading('door', door)
reading('names', names)
