-- Names, and the records of members and of the room.

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

local function is_member(state, member)
  return call('HEXISTS', state.room, 'n:' .. member) == 1
end

-- h, c or g; nil for somebody who is no member.
local function role_of(state, member)
  local got = call('HMGET', state.room, 'n:' .. member, 'm:' .. member)
  return got[1] and string.match(got[2], '^[^|]*|[^|]*|[^|]*|([^|]*)|')
end
