"""Rooms kept in Redis, for as many servers as there are.

store.py is the store, appending.py puts events into logs, weight.py counts their bytes, creating.py
brings rooms and codes together and apart, records.py says how things are written down, rooms/ is
what runs inside Redis.
"""
