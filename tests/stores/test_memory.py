"""The memory store lets go of everything: what only its own containers can tell."""

from flask_chat.stores.memory import MemoryStore
from tests.stores.place import Place


def make(**limits: float) -> tuple[Place, MemoryStore]:
    place = Place(MemoryStore, **limits)
    assert isinstance(place.store, MemoryStore)
    return place, place.store


def test_nothing_is_left_of_a_removed_room() -> None:
    place, store = make()
    ada = place.opens("Ada")
    place.goes(place.joins(ada.room_id, "Grace"), "gone")
    place.says(ada, "Hello", key="k1")
    store.set_deadline(ada.room_id, 10.0)
    store.set_deadline(ada.room_id, 20.0)

    store.remove_room(ada.room_id)

    assert not any((store._rooms, store._by_code, store._deadlines, store._bytes))


def test_nothing_is_left_in_a_closed_store() -> None:
    place, store = make()
    for code in ("BBBB", "CCCC"):
        store.set_deadline(place.opens("Ada", code).room_id, 10.0)

    store.close()

    assert not any((store._rooms, store._by_code, store._deadlines, store._bytes))


def test_the_keys_of_dropped_events_are_dropped() -> None:
    place, store = make(history_events=10)
    ada = place.opens("Ada")
    for number in range(1_000):
        place.says(ada, "x", key=f"k{number}")

    log = store._rooms[ada.room_id].log

    assert len(log) == len(log.seq_by_key) == 10
    assert set(log.seq_by_key.values()) == set(range(992, 1_002))


def test_the_bytes_counted_are_those_that_are_kept() -> None:
    place, store = make(history_events=10, history_bytes=5_000)
    people = [place.opens("Ada", "BBBB"), place.opens("Grace", "CCCC")]
    for number in range(50):
        place.says(people[number % 2], "🦊" * number)

    kept = [sum(map(len, store.read_after(person.room_id, 0, 100).events)) for person in people]

    assert [store._rooms[person.room_id].log.bytes for person in people] == kept
    assert store._bytes == sum(kept)


def test_a_deadline_that_is_moved_all_the_time_takes_no_more_room() -> None:
    place, store = make()
    rooms = [place.opens("Ada", code).room_id for code in ("BBBB", "CCCC")]

    for number in range(1_000):
        store.set_deadline(rooms[number % 2], 100.0 + number)

    assert len(store._deadlines) <= 4
    assert store.due(1_098.0) == [rooms[0]]
    assert store.due(1_099.0) == rooms
