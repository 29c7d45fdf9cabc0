"""One mailbox: whatever lies there is kept once, in order, and only then marked or moved on the server.

How far it is stands in PostgreSQL and moves with the messages, so a death at any point costs nothing: what was fetched
and not kept is fetched again, what was kept and not marked is marked later.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from contactd.config.sections import Mailbox as Section
from contactd.core.errors import ContactdError
from contactd.core.ids import Instant
from contactd.mail.imap import PIECE, Access, Mailbox, MailboxAway, MailboxRefused
from contactd.metrics import MAILBOX_LOOKED_AT, MAILBOX_UP, MAILBOX_WAITING, MAILS_KEPT
from contactd.protocols.imap import Fetched
from contactd.store.mail import CUT, UNREADABLE, WHOLE, MailKeeper, Parcel

log = structlog.get_logger()

IDLE_S = 240.0
"""A server is asked to answer at least so often: firewalls forget a connection that says nothing."""
_BATCH_BYTES = 1 << 20
_BATCH = 50
_LOOKED_AT = 1000
"""So many messages are asked for their sizes at a time."""
_TRIES = 3
"""A message with which the connection broke so often is passed over, and told."""
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0


class _Elsewhere(ContactdError):
    """Another contactd fetches the same mailbox, or the server began to count anew."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What all mailboxes share. room: so many of them fetch at a time. may: whether anything new is to be taken now.
    folder: for a large message on its way. reached: told of each point at which a test may end us."""

    room: asyncio.Semaphore
    may: Callable[[], bool]
    folder: Path
    reached: Callable[[str], None] = lambda _: None


class Fetcher:
    """run() as a task, until it is cancelled. trouble: why nothing is fetched just now, with the remedy; or empty."""

    def __init__(
        self,
        name: str,
        section: Section,
        password: str | None,
        keeper: MailKeeper,
        ways: Ways,
        *,
        wait_s: float = 30.0,
        idle_s: float = IDLE_S,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self.name = name
        self.trouble = ""
        self._section = section
        self._password = password
        self._keeper = keeper
        self._ways = ways
        self._wait_s = wait_s
        self._idle_s = idle_s
        self._pause_s = pause_s
        self._was_well = False
        self._broke: dict[int, int] = {}
        """UIDs in whose fetching the connection broke, and how often."""
        self._careful_up_to = 0
        """One message at a time up to here: something among them broke the connection."""
        MAILBOX_UP.labels(name).set(0)
        for state in (WHOLE, CUT, UNREADABLE):
            MAILS_KEPT.labels(name, state)

    async def run(self) -> None:
        pause = self._pause_s
        while True:
            try:
                await self._session()
            except _Elsewhere as error:
                log.info("mailbox_opened_again", mailbox=self.name, why=str(error))
            except ContactdError as error:
                self._in_trouble(error)
            finally:
                MAILBOX_UP.labels(self.name).set(0)
            if self._was_well:
                pause, self._was_well = self._pause_s, False
            # Not all mailboxes of a server that was restarted at the same moment.
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def forgotten(self) -> None:
        """The mailbox is configured no more."""
        MAILBOX_UP.remove(self.name)
        for gauge in (MAILBOX_LOOKED_AT, MAILBOX_WAITING):
            gauge.remove(self.name)

    async def _session(self) -> None:
        section = self._section
        access = await asyncio.to_thread(access_of, section, self._password)
        box = await Mailbox.open(access, wait_s=self._wait_s)
        try:
            if section.move_to:
                await box.make(section.move_to)
            selected = await box.select(section.folder)
            await self._keeper.open(selected.validity, 0 if section.existing else max(0, selected.next_uid - 1))
            self._well()
            while True:
                await self._settle(box)
                if not self._ways.may():
                    await asyncio.sleep(1)
                    continue
                more = await self._fetch(box)
                MAILBOX_LOOKED_AT.labels(self.name).set_to_current_time()
                if more:
                    continue
                if box.can("IDLE"):
                    await box.news(self._idle_s)
                else:
                    await asyncio.sleep(section.poll_s)
                    await box.alive()
        finally:
            box.close()

    async def _fetch(self, box: Mailbox) -> bool:
        """What came since, as far as one turn goes. True: there is more."""
        keeper = self._keeper
        uids = await box.after(keeper.uid)
        MAILBOX_WAITING.labels(self.name).set(len(uids))
        taken = uids[:_LOOKED_AT]
        if not taken:
            return False
        sizes = await box.sizes(taken)
        for group in self._groups(taken, sizes):
            async with self._ways.room, AsyncExitStack() as open_:
                parcels = [open_.enter_context(parcel) for parcel in await self._parcels(box, group, sizes)]
                self._ways.reached("fetched")
                # What was expunged meanwhile is passed over.
                new = await keeper.keep(parcels, group[-1], settles=self._section.after != "leave")
            if new is None:
                raise _Elsewhere("Another contactd keeps the same mailbox.")
            self._ways.reached("stored")
            self._tell(new)
            await self._settle(box)
        MAILBOX_WAITING.labels(self.name).set(len(uids) - len(taken))
        return len(uids) > len(taken)

    def _groups(self, uids: Sequence[int], sizes: Mapping[int, Fetched]) -> Iterator[list[int]]:
        """Small ones together, up to what fits into memory; a large one alone."""
        group: list[int] = []
        total = 0
        for uid in uids:
            size = (sizes[uid].size or 0) if uid in sizes else 0
            alone = size >= PIECE or uid <= self._careful_up_to
            if group and (alone or len(group) >= _BATCH or total + size > _BATCH_BYTES):
                yield group
                group, total = [], 0
            group.append(uid)
            total += size
            if alone:
                yield group
                group, total = [], 0
        if group:
            yield group

    async def _parcels(self, box: Mailbox, group: Sequence[int], sizes: Mapping[int, Fetched]) -> list[Parcel]:
        wanted = [uid for uid in group if uid in sizes]
        if not wanted:
            return []
        try:
            if len(wanted) == 1:
                return await self._one(box, sizes[wanted[0]])
            bodies = await box.beginnings(wanted)
        except MailboxAway:
            self._careful_up_to = max(self._careful_up_to, wanted[-1])
            if len(wanted) == 1:
                self._broke[wanted[0]] = self._broke.get(wanted[0], 0) + 1
            raise
        except MailboxRefused:
            # One of them; which, is found out one by one.
            bodies = {}
        parcels: list[Parcel] = []
        for uid in wanted:
            if uid in bodies and len(bodies[uid]) < PIECE:
                parcel = self._parcel(sizes[uid])
                parcel.add(bodies[uid])
                parcel.end()
                parcels.append(parcel)
            else:
                parcels += await self._one(box, sizes[uid])
        return parcels

    async def _one(self, box: Mailbox, told: Fetched) -> list[Parcel]:
        """Nothing, if it is gone meanwhile."""
        parcel = self._parcel(told)
        if self._broke.get(told.uid, 0) >= _TRIES:
            return [_unreadable(parcel, told)]
        most = self._section.max_mb << 20
        try:
            async for piece in _pieces(box, told.uid, (told.size or 0) > most):
                parcel.add(piece)
                if parcel.size > most:
                    # Longer than the server said.
                    break
        except MailboxRefused as error:
            if told.uid not in await box.sizes([told.uid]):
                return []
            log.warning("mail_not_given", mailbox=self.name, uid=told.uid, error=str(error))
            parcel.close()
            return [_unreadable(self._parcel(told), told)]
        if not parcel.size:
            if told.size and told.uid in await box.sizes([told.uid]):
                return [_unreadable(parcel, told)]
            if told.size:
                return []
        parcel.end()
        if (told.size or 0) > most or parcel.size > most:
            parcel.state, parcel.size = CUT, max(told.size or 0, parcel.size)
        return [parcel]

    def _parcel(self, told: Fetched) -> Parcel:
        return Parcel(told.uid, arrived_at(told.arrived or ""), self._ways.folder)

    async def _settle(self, box: Mailbox) -> None:
        """On the server, what is done with kept messages. It refuses: fetching goes on all the same."""
        if self._section.after == "leave":
            return
        while uids := await self._keeper.unsettled():
            try:
                if self._section.after == "move":
                    await box.move(uids, self._section.move_to)
                else:
                    await box.mark_seen(uids)
            except MailboxRefused as error:
                self._in_trouble(error)
                return
            self._ways.reached("flagged")
            await self._keeper.settle(uids)

    def _tell(self, kept: Sequence[Parcel]) -> None:
        for parcel in kept:
            MAILS_KEPT.labels(self.name, parcel.state).inc()
            self._broke.pop(parcel.uid, None)
            told = {"mailbox": self.name, "mail_id": parcel.id, "uid": parcel.uid, "bytes": parcel.size}
            if parcel.state == WHOLE:
                log.info("mail_kept", **told)
            elif parcel.state == CUT:
                remedy = "Raise max_mb of the mailbox for later ones; this one still lies on the server, unmarked."
                log.warning("mail_cut", **told, remedy=remedy)
            else:
                remedy = "It still lies on the server, unmarked: look at it there with a mail program."
                log.error("mail_unreadable", **told, remedy=remedy)

    def _in_trouble(self, error: ContactdError) -> None:
        if str(error) != self.trouble:
            log.error("mailbox_in_trouble", mailbox=self.name, error=str(error))
        self.trouble = str(error)

    def _well(self) -> None:
        if self.trouble:
            log.info("mailbox_well_again", mailbox=self.name)
        self.trouble, self._was_well = "", True
        MAILBOX_UP.labels(self.name).set(1)


def arrived_at(told: str) -> Instant:
    """Of a server that tells no time: now."""
    try:
        return datetime.strptime(told, "%d-%b-%Y %H:%M:%S %z").timestamp()
    except (ValueError, OverflowError):
        return time.time()


def access_of(section: Section, password: str | None) -> Access:
    """Blocking: it reads files. Raises MailboxRefused."""
    token: str | None = None
    try:
        if section.token_file:
            token = Path(section.token_file).read_text(encoding="ascii").strip()
        context = None
        if section.tls != "none":
            context = ssl.create_default_context(cafile=section.ca_file or None)
    except (OSError, ValueError) as error:
        which = section.token_file if section.token_file and token is None else section.ca_file
        raise MailboxRefused(f"{which} cannot be used ({error}): let contactd read it.") from error
    return Access(section.host, section.port, section.username, section.tls, context, password, token)


def _unreadable(parcel: Parcel, told: Fetched) -> Parcel:
    parcel.end()
    parcel.state, parcel.size = UNREADABLE, told.size or 0
    return parcel


async def _pieces(box: Mailbox, uid: int, beginning_only: bool) -> AsyncIterator[bytes]:
    if beginning_only:
        for body in (await box.beginnings([uid])).values():
            yield body
        return
    async for piece in box.pieces(uid):
        yield piece
