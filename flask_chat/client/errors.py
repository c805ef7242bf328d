"""What can go wrong for somebody who uses the client."""

from typing import Any

# Refusals that another try may turn into a yes; docs/errors.md lists all codes.
PASSING = frozenset(
    {
        "connections_exceeded",
        "internal",
        "room_full",
        "server_full",
        "slow_mode",
        "too_fast",
        "unavailable",
    }
)


class Refused(Exception):
    """The server said no. `code` is its word for it, `details` the whole error."""

    def __init__(self, details: dict[str, Any]) -> None:
        self.details = details
        self.code = str(details.get("code", "internal"))
        super().__init__(str(details.get("message") or details.get("detail") or self.code))

    @property
    def is_passing(self) -> bool:
        """Whether the same may be accepted later."""
        return self.code in PASSING

    @property
    def retry_after_seconds(self) -> float | None:
        """When to try again, if the server said so."""
        wait = self.details.get("retry_after_seconds")
        return float(wait) if isinstance(wait, int | float) else None


class Unreachable(ConnectionError):
    """No line to the server, or no answer in time."""
