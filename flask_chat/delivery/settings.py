"""The numbers of the engine, in one value. The application fills it from its own settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What may differ between servers. Zero lifts a limit."""

    ping_interval_seconds: float = 25.0
    ping_timeout_seconds: float = 20.0
    packet_limit_bytes: int = 65536  # one message of a client, and one polling payload
    backlog_limit_bytes: int = 1_048_576  # unsent bytes of one connection
    connect_timeout_seconds: float = 45.0  # from opening to the first CONNECT
    upgrade_timeout_seconds: float = 10.0  # from the WebSocket handshake to UPGRADE
    session_prefix: str = ""  # session ids begin with it, to tell where a session lives
    gather_seconds: float = 0.0  # how long what a busy room is sent waits for more
    may_block: bool = False  # handlers wait for something: run them in greenlets of their own
