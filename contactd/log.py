"""Facts for operators: one JSON object a line on standard output, for journald.

``log = structlog.get_logger()``; ``log.info("contact_offered", contact_id=..., waited_s=...)``: a past-tense
event name, then ids and units. Synchronous on purpose: a line costs microseconds, an awaited one a hundred
times that.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any, BinaryIO, NoReturn, cast

import orjson
import structlog

from contactd.log_sink import Sink

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_SECRET_WORDS = frozenset({"pin", "secret", "password", "digits", "dsn", "token", "ani"})
WITHHELD = "(withheld)"

TOLD = "log_lines_withheld"


class Flood:
    """A processor: the first lines of a kind in each period; the rest are counted, and one line tells how many.

    A kind is the event's name with those of its values that the code or the configuration bounds, so a flood of one
    kind hides no other. Informative lines, which belong to calls, have a limit that calls alone do not reach; debug has
    none. Nothing is lost uncounted: the next line of the kind, tell() and the process's end tell what was withheld.
    """

    KEYS = ("kind", "pbx", "library")
    MOST_KINDS = 1000

    def __init__(
        self,
        *,
        most: int = 10,
        most_info: int = 1000,
        period_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.period_s = period_s
        self.withheld = 0
        self._most, self._most_info = most, most_info
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[Any, ...], list[float]] = {}
        """Of each: when its period began, the lines that passed in it, those that did not."""

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        name = event.get("event")
        if method == "debug" or name == TOLD:
            return event
        kind: tuple[Any, ...] = (name, *(str(event[key]) if key in event else None for key in self.KEYS))
        now = self._clock()
        ended: float = 0
        with self._lock:
            counts = self._kinds.get(kind)
            if counts is None:
                if len(self._kinds) >= self.MOST_KINDS:
                    kind = ("other", None, None, None)
                counts = self._kinds.setdefault(kind, [now, 0, 0])
            if now - counts[0] >= self.period_s:
                began, _, ended = counts
                counts[:] = [now, 0, 0]
            passes = counts[1] < (self._most_info if method == "info" else self._most)
            counts[1 if passes else 2] += 1
            self.withheld += not passes
        if ended:
            _tell(kind, ended, now - began)
        if not passes:
            raise structlog.DropEvent
        return event

    def tell(self, *, all_of_it: bool = False) -> None:
        """What was withheld in periods that have ended; kinds that are quiet again are forgotten."""
        now = self._clock()
        with self._lock:
            over = [
                (kind, counts) for kind, counts in self._kinds.items() if all_of_it or now - counts[0] >= self.period_s
            ]
            for kind, _ in over:
                del self._kinds[kind]
        for kind, (began, _, withheld) in over:
            if withheld:
                _tell(kind, withheld, now - began)

    async def tell_every_period(self) -> None:
        """Until cancelled: a flood that has stopped is told of as well."""
        while True:
            await asyncio.sleep(self.period_s)
            self.tell()


def _tell(kind: tuple[Any, ...], count: float, for_s: float) -> None:
    values = {key: value for key, value in zip(Flood.KEYS, kind[1:], strict=True) if value is not None}
    structlog.get_logger().warning(TOLD, of=kind[0], count=int(count), for_s=round(for_s, 1), **values)


flood = Flood()
"""This process's."""


_threshold = LEVELS["info"]
_sink: Sink | None = None


def lost_lines() -> int:
    """Lines that could not be written since the start."""
    return _sink.lost if _sink is not None else 0


OUT_OF_MEMORY = 71
"""The exit code, EX_OSERR."""


def die_out_of_memory() -> NoReturn:
    """At once and like a kill -9, which costs nothing that was kept: half a process without memory steers nobody."""
    remedy = (
        b"Give the host or the unit (MemoryMax) more memory. No call and no fact was lost; systemd starts it again."
    )
    os.write(1, b'{"event":"out_of_memory","level":"error","remedy":"' + remedy + b'"}\n')
    os._exit(OUT_OF_MEMORY)


def watch_memory(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's handler of what nobody catches: asyncio goes on without a socket for whose bytes there is no room."""
    if isinstance(context.get("exception"), MemoryError):
        die_out_of_memory()
    loop.default_exception_handler(context)


def set_level(level: str) -> None:
    """From now on. level: a key of LEVELS. Loggers are cached as they were made, so each line asks for it."""
    global _threshold  # noqa: PLW0603
    _threshold = LEVELS[level]
    logging.getLogger().setLevel(max(_threshold, logging.INFO))


def configure(level: str = "info", *, file: BinaryIO | None = None) -> None:
    """Once, at the start. level: a key of LEVELS. Libraries that use logging come out the same way."""
    global _sink  # noqa: PLW0603
    if file is None:
        _sink = Sink(sys.stdout.fileno())
    structlog.configure(
        processors=[
            drop_below_level,
            # Early: in a flood the line that is not written must cost next to nothing.
            flood,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            # Not dict_tracebacks: it shows the frames' local variables, secrets among them.
            structlog.processors.format_exc_info,
            withhold_secrets,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.BytesLoggerFactory(file=file or cast(BinaryIO, _sink)),
        cache_logger_on_first_use=True,
    )
    atexit.unregister(_tell_the_rest)
    atexit.register(_tell_the_rest)
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


def _tell_the_rest() -> None:
    flood.tell(all_of_it=True)


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
