"""Redis and Valkey: servers, Sentinels and clusters of our own, and Flask Chat App over them."""
