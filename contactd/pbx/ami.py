"""The link to one Asterisk: connects, logs in, notices when it is gone, and carries actions and events."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import structlog

from contactd.core.errors import ContactdError
from contactd.pbx.ami_connection import (
    LIST_IDS,
    AmiStats,
    Connection,
    Fields,
    PbxAway,
    PbxRefused,
    PbxTimedOut,
    PendingAction,
)
from contactd.protocols.ami import Message

__all__ = ["AmiLink", "AmiSettings", "AmiStats", "Fields", "PbxAway", "PbxRefused", "PbxTimedOut"]

log = structlog.get_logger()

FIRST_DELAY_S = 0.2
IN_FLIGHT = 10_000
UNSENT_BYTES = 1_048_576
PINGS_MISSED = 3
BOOT_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class AmiSettings:
    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    name: str = "pbx1"
    ping_interval_s: float = 5.0
    action_timeout_s: float = 5.0  # over 1: Asterisk keeps a refused login waiting for a second
    connect_timeout_s: float = 5.0
    backoff_max_s: float = 10.0


class AmiLink:
    """on_event gets every event, in order; what it raises is logged and counted, and the link lives on.

    on_up runs as a task once Asterisk is logged in to and booted, and is cancelled when the link goes
    down; if it raises, the link is closed and tried again, since a floor that was not compared with the PBX
    must not go on. on_down gets the reason, once for each on_up.
    """

    def __init__(
        self,
        settings: AmiSettings,
        on_event: Callable[[Message], None],
        on_up: Callable[[], Awaitable[None]] | None = None,
        on_down: Callable[[str], None] | None = None,
        *,
        events: Collection[str] | None = None,
    ) -> None:
        self.settings = settings
        self.stats = AmiStats()
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._events = None if events is None else frozenset(events)
        self._up: Connection | None = None
        self._reason = "not connected yet"
        self._ups = 0
        self._where = f"{settings.name} ({settings.host}:{settings.port})"

    @property
    def connected(self) -> bool:
        return self._up is not None and not self._up.lost.done()

    async def run(self) -> None:
        """Keeps the link until cancelled."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_S
        while True:
            began, ups = loop.time(), self._ups
            reason = await self._attend()
            if self._ups > ups and loop.time() - began > self.settings.backoff_max_s:
                delay = FIRST_DELAY_S  # not for a link that only flaps
            if reason != self._reason:
                log.warning("pbx_link_lost", pbx=self.settings.name, reason=reason, retry_in_s=delay)
                self._reason = reason
            await asyncio.sleep(delay)
            delay = min(delay * 2, self.settings.backoff_max_s)

    async def send(self, action: Fields) -> Message:
        """The answer, or PbxAway at once when there is no link, PbxTimedOut, PbxRefused.

        Nothing is ever queued or replayed. ValueError for a value with a line break: a bug of the caller's.
        """
        answer: list[Message] = await self._begin(self._require(), action).future
        return answer[0]

    async def collect(self, action: Fields, end_event: str, *, limit: int = 100_000) -> list[Message]:
        """The lines of a list, without its end. The time-out is for the silence between lines."""
        fields = {"ActionID": LIST_IDS(), **action}
        lines: list[Message] = await self._begin(self._require(), fields, end_event, limit).future
        return lines

    def post(self, action: Fields, on_result: Callable[[Message | ContactdError], None]) -> None:
        """As send(), without a coroutine. on_result is called once, never from within post()."""

        def settled(future: asyncio.Future[list[Message]]) -> None:
            error = future.exception()
            self._call(on_result, error if isinstance(error, ContactdError) else future.result()[0])

        try:
            self._begin(self._require(), action).future.add_done_callback(settled)
        except PbxAway as away:
            asyncio.get_running_loop().call_soon(self._call, on_result, away)

    def _deliver(self, message: Message) -> None:
        self._call(self._on_event, message)

    def _call(self, callback: Callable[[Any], None], value: Any) -> None:
        try:
            callback(value)
        except Exception:
            self.stats.failures += 1
            log.exception("pbx_callback_failed", pbx=self.settings.name, message_kind=repr(value))

    def _require(self) -> Connection:
        if self._up is None:
            raise PbxAway(f"{self._where} is away, and nothing was sent: {self._reason}. contactd keeps trying.")
        return self._up

    def _begin(self, protocol: Connection, fields: Fields, end_event: str = "", limit: int = 0) -> PendingAction:
        if protocol.lost.done():
            reason = protocol.lost.result()
            raise PbxAway(f"{self._where} is away, and nothing was sent: {reason}. contactd keeps trying.")
        action = PendingAction(self.settings.name, fields, end_event, limit)
        if action.id in protocol.responses:
            raise ValueError(f"{action!r} is in flight already")
        if len(protocol.responses) >= IN_FLIGHT or protocol.transport.get_write_buffer_size() > UNSENT_BYTES:
            raise PbxAway(f"{self._where} takes no more actions, and nothing was sent: look at its load.")
        protocol.send(action)
        self.stats.actions += 1
        action.timer = self._arm(action, 0)
        action.future.add_done_callback(lambda future: self._settle(protocol, action, future))
        return action

    def _arm(self, action: PendingAction, lines: int) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self.settings.action_timeout_s, self._expire, action, lines)

    def _expire(self, action: PendingAction, lines: int) -> None:
        if len(action.lines) > lines:  # a long list that still comes
            action.timer = self._arm(action, len(action.lines))
            return
        self.stats.timeouts += 1
        waited = f"{self.settings.action_timeout_s:g} s"
        action.fail(PbxTimedOut(f"{self._where} did not answer {action.label} in {waited}: look at its load."))

    def _settle(self, protocol: Connection, action: PendingAction, future: asyncio.Future[Any]) -> None:
        """However an action ended, by answer, time-out, lost link or cancellation, its slot and timer go."""
        protocol.responses.pop(action.id, None)
        if action.timer is not None:
            action.timer.cancel()
        if not future.cancelled() and isinstance(future.exception(), PbxRefused):
            self.stats.refused += 1

    async def _attend(self) -> str:
        """One connection from its beginning to its end; returns why it ended."""
        settings = self.settings
        check = "check that Asterisk runs, and enabled, port and bindaddr in manager.conf"
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                _, protocol = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._deliver, self.stats, self._events), settings.host, settings.port
                )
        except TimeoutError:
            return f"{self._where} did not accept a connection in {settings.connect_timeout_s:g} s: {check}"
        except OSError as error:
            return f"{self._where} cannot be reached ({error.strerror or error}): {check}"
        task: asyncio.Task[None] | None = None
        try:
            await self._log_in(protocol)
            await self._booted(protocol)
            task = self._rise(protocol)
            await self._watch(protocol)
        except ContactdError as error:
            protocol.give_up(str(error))
        finally:
            protocol.give_up("contactd is stopping")
            await self._fall(protocol, task)
        return protocol.lost.result()

    async def _log_in(self, protocol: Connection) -> None:
        settings = self.settings
        login = {"Action": "Login", "Username": settings.username, "Secret": settings.secret, "Events": "on"}
        try:
            await self._begin(protocol, login).future
        except PbxRefused as refused:
            raise ContactdError(
                f"{self._where} refused the login of '{settings.username}' ({refused.message}): check "
                "username, secret and permit in manager.conf and, where allowmultiplelogin=no, that no other "
                "session holds the account (manager show connected; manager kick session)"
            ) from refused

    async def _booted(self, protocol: Connection) -> None:
        """Wait until Asterisk has begun to load its modules.

        The event FullyBooted, which would say that all are loaded, is told to read=system only, a right that contactd's
        account is better off without. So whoever needs what a module brings waits for that (Steering._boot_time).
        """
        while True:
            answer = await self._begin(protocol, {"Action": "CoreStatus"}).future
            if not answer[0].get("CoreStartupDate", "").startswith("1970"):
                return
            await asyncio.sleep(BOOT_POLL_S)

    def _rise(self, protocol: Connection) -> asyncio.Task[None] | None:
        if protocol.lost.done():
            return None
        self._up = protocol
        self._ups += 1
        self.stats.reconnects += self._ups > 1
        self._reason = ""
        log.info("pbx_link_came_up", pbx=self.settings.name, banner=protocol.parser.banner)
        return asyncio.create_task(self._resynchronise(protocol))

    async def _resynchronise(self, protocol: Connection) -> None:
        if self._on_up is None:
            return
        try:
            await self._on_up()
        except Exception as error:
            self.stats.failures += 1
            if not protocol.lost.done():
                log.exception("pbx_resynchronisation_failed", pbx=self.settings.name)
            why = (
                str(error) if isinstance(error, ContactdError) else f"an error of contactd's own, see above ({error!r})"
            )
            protocol.give_up(f"steering it failed, and begins anew: {why}")

    async def _fall(self, protocol: Connection, task: asyncio.Task[None] | None) -> None:
        if task is None:
            return
        self._up = None
        if not task.done():
            task.cancel()
            _, stuck = await asyncio.wait({task}, timeout=1.0)
            if stuck:
                log.error("pbx_resynchronisation_stuck", pbx=self.settings.name)
        if self._on_down is not None:
            self._call(self._on_down, protocol.lost.result())

    async def _watch(self, protocol: Connection) -> None:
        """Pings until the connection is lost. A frozen Asterisk keeps its socket open: only silence tells."""
        missed = 0
        while True:
            lost, _ = await asyncio.wait((protocol.lost,), timeout=self.settings.ping_interval_s)
            if lost:
                return
            received = protocol.received
            try:
                await self._begin(protocol, {"Action": "Ping"}).future
                missed = 0
            except PbxTimedOut as silence:
                missed += 1  # under a flood of events the answer may be late, but bytes come
                if protocol.received == received or missed >= PINGS_MISSED:
                    raise ContactdError(
                        f"{self._where} is frozen, no answer to Ping: restart Asterisk if it stays so"
                    ) from silence
            except PbxRefused:
                missed = 0  # an answer is an answer
