"""The doors: pages, REST and sockets. Each reads what comes in and calls `chat`."""
