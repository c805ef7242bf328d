-- What keeps an event out: mute, slow mode, and the role of whoever brings it about.

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

-- Who brings an event about that has no number yet; nil for nobody.
local function actor_of(body)
  return string.match(body, '^{"kind":"[a-z_]+","at":"[^"]*","by":"([^"]*)"')
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
