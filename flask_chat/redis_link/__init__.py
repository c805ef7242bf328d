"""Talking to Redis: what the store, the bus and presence have in common.

urls.py reads the address, places.py knows which node has what and opens connections, line.py sends
what waits to one node in one piece, link.py is the whole as its users see it, ear.py listens.
"""
