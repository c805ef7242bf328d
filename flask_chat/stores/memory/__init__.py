"""Rooms kept in this process: the default, and the reference for the other stores.

store.py is the store, room.py what it knows of a room, log.py the room's events.
"""

from flask_chat.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
