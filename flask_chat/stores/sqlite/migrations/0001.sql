-- Rooms, their members and their events. Records and events are the JSON that goes over the wire.

CREATE TABLE rooms (
  id INTEGER PRIMARY KEY,          -- a short name for room_id, since every event has it
  room_id TEXT NOT NULL UNIQUE,
  code TEXT NOT NULL UNIQUE,
  record TEXT NOT NULL,
  deadline REAL                    -- UTC seconds; NULL while somebody is here
);

CREATE TABLE members (
  id INTEGER PRIMARY KEY,          -- the order they first came in
  room INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  member_id TEXT NOT NULL,
  record TEXT NOT NULL,
  is_member INTEGER NOT NULL,      -- 0: has left, and is kept as an author
  came_with INTEGER,               -- the seq of the event they came in with; NULL while away
  UNIQUE (room, member_id)
);

-- All rooms mixed, as it happened: what is committed together then stands in few pages. There is no
-- index, since the server keeps the ids of a room's events in memory.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  room INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  data BLOB NOT NULL
);
