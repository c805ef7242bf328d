"""Rooms kept in one SQLite file.

store.py is the store and commits in batches, pause.py says when, working_copy.py holds the rooms in
memory and can take a batch back, file.py is the file, lock.py lets one server have it, copies.py
backs it up.
"""
