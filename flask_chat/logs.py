"""The log of the process, on standard error: lines for people, or JSON for machines.

Log lines hold facts about the work, never what people said or what lets somebody in: no message
text, codes of rooms, tokens, cookies or keys. Should one slip in, its value is hidden by its name.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from flask_chat.settings import HIDDEN, Settings

PRIVATE = frozenset(
    {"text", "body", "code", "token", "auth", "authorization", "cookie", "cookies", "headers"}
    | {"environ", "session", "passcode", "secret", "secret_key", "invite"}
)
_CODE_IN_PATH = re.compile(r"(/r/|/rooms/)[^/?\s]+")


def configure(settings: Settings) -> None:
    """Send the log of this process, libraries included, where the settings say. Repeatable."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            hide_private,
            *_renderers(settings.log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    # Libraries speak of packets and their contents below warnings, whatever we want to hear.
    root.setLevel(max(level, logging.WARNING))


def hide_private(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values that a log must not hold."""
    for name in PRIVATE & event.keys():
        event[name] = HIDDEN
    return event


def _renderers(log_format: str) -> list[structlog.typing.Processor]:
    if log_format == "json":
        return [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        ),
    ]


class _ToStructlog(logging.Handler):
    """Hands the records of libraries over, so that there is one log in one form."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        # Flask names the path of a request that failed, and the path of a room holds its code.
        words = _CODE_IN_PATH.sub(r"\1…", record.getMessage())
        log.log(record.levelno, words, logger=record.name, exc_info=record.exc_info)
