"""Facts for operators: one JSON object a line on standard output, for journald.

``log = structlog.get_logger()``; ``log.info("contact_offered", contact_id=..., waited_s=...)``: a past-tense
event name, then ids and units. Synchronous on purpose: a line costs microseconds, an awaited one a hundred
times that.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, BinaryIO

import orjson
import structlog

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_SECRET_WORDS = frozenset({"pin", "secret", "password", "digits", "dsn", "token", "ani"})
WITHHELD = "(withheld)"


_threshold = LEVELS["info"]


def set_level(level: str) -> None:
    """From now on. level: a key of LEVELS. Loggers are cached as they were made, so each line asks for it."""
    global _threshold  # noqa: PLW0603
    _threshold = LEVELS[level]
    logging.getLogger().setLevel(max(_threshold, logging.INFO))


def configure(level: str = "info", *, file: BinaryIO | None = None) -> None:
    """Once, at the start. level: a key of LEVELS. Libraries that use logging come out the same way."""
    structlog.configure(
        processors=[
            drop_below_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            # Not dict_tracebacks: it shows the frames' local variables, secrets among them.
            structlog.processors.format_exc_info,
            withhold_secrets,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.BytesLoggerFactory(file=file or sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler()]
    set_level(level)
    # It writes whole AMI actions, the login among them.
    logging.getLogger("panoramisk").setLevel(logging.ERROR)
    logging.captureWarnings(True)


def drop_below_level(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if structlog.processors.NAME_TO_LEVEL.get(method, logging.ERROR) < _threshold:
        raise structlog.DropEvent
    return event


def withhold_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Refuse the value of any key whose last word names a secret: pin, db_password, ami_secret, digits."""
    for key in event:
        if key.rpartition("_")[2] in _SECRET_WORDS:
            event[key] = WITHHELD
    return event


def _dumps(event: Any, **_: Any) -> bytes:
    """Any value at all: a line is worth more than its perfect form."""
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # A lone surrogate, a number beyond 64 bits.
        return json.dumps(event, default=repr, skipkeys=True).encode()


class _LibraryHandler(logging.Handler):
    """What asyncio, aiohttp and asyncpg say through logging, as our JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log = structlog.get_logger()
            log.log(
                record.levelno,
                "library_said",
                library=record.name,
                message=record.getMessage(),
                **({"exc_info": record.exc_info} if record.exc_info else {}),
            )
        except Exception:
            self.handleError(record)
