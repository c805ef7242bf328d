"""Who may come into a room, besides having its code."""
