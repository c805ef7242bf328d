"""What a room, a code, a name and a message are: plain values and rules.

Nothing in here reads a clock, a socket, a file or a random number: time and ids are arguments.
"""
