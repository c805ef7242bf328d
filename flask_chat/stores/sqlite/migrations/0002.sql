-- What is told to nobody in the room: notes about its doors, and how its members are known again.

CREATE TABLE notes (
  room INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (room, name)
) WITHOUT ROWID;

ALTER TABLE members ADD COLUMN marks TEXT NOT NULL DEFAULT '';

-- A room's record names its host; until now only the host's own did.
UPDATE rooms SET record = json_set(record, '$.host_id', coalesce(
  (SELECT member_id FROM members
   WHERE members.room = rooms.id AND json_extract(members.record, '$.role') = 'host'
   ORDER BY members.id LIMIT 1), ''));
