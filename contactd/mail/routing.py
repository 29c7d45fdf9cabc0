"""From kept messages to contacts that wait: each once, whenever contactd is killed.

A contact has its message's id. The floor knows it while it is there; when it has ended, the journal does. Whoever takes
the floor stores first what an earlier life left in the spool, so that a message of which the journal knows no contact
never became one. That it did is noted beside the message later, so that nobody looks for it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from contactd.config import Settings
from contactd.core import inputs as inp
from contactd.core.contact import ContactState
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, QueueId
from contactd.core.plan import Medium
from contactd.engine.inbox import InboxFull
from contactd.store import mail_work
from contactd.store.mail_work import Unrouted
from contactd.store.trouble import StoreAway

log = structlog.get_logger()

_EVERY_S = 0.5
_AFTER_A_BUG_S = 60.0
_EVERY_ERASED = 20
"""Turns: erased messages are looked for as often."""


class Engine(Protocol):
    @property
    def floor(self) -> LiveFloor: ...

    async def ask(self, input_: inp.Input) -> Any: ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a message means for routing. What rules and threads will say comes here as well."""

    queue: QueueId


def meaning_of(settings: Settings, mail: Unrouted) -> Meaning | None:
    """None: it waits for nobody. Today its mailbox alone tells."""
    box = settings.mailboxes.get(mail.mailbox)
    return Meaning(QueueId(box.queue)) if box is not None and box.queue is not None else None


class MailRouting:
    """run() as a task. may: whether anything new is to be taken just now."""

    def __init__(self, pool: Any, engine: Engine, settings: Callable[[], Settings], may: Callable[[], bool]) -> None:
        self._pool = pool
        self._engine = engine
        self._settings = settings
        self._may = may
        self._asked: set[ContactId] = set()
        """By this life; the journal may not have them yet."""

    async def run(self) -> None:
        turns = 0
        while True:
            try:
                if self._may():
                    await self.turn()
                if turns % _EVERY_ERASED == 0:
                    await self.withdraw_erased()
                pause_s = _EVERY_S
            except (StoreAway, InboxFull):
                # Told by others.
                pause_s = _EVERY_S
            except Exception:
                # A bug of ours, or a message that brings one out: the calls go on.
                log.exception("mail_routing_broke", again_s=_AFTER_A_BUG_S, remedy="Send the log.")
                pause_s = _AFTER_A_BUG_S
            turns += 1
            await asyncio.sleep(pause_s)

    async def turn(self) -> int:
        """How many became contacts. Raises StoreAway."""
        boxes = [name for name, one in self._settings().mailboxes.items() if one.queue is not None]
        found = await mail_work.unrouted(self._pool, boxes) if boxes else []
        kept = [mail.id for mail in found if mail.journalled]
        if kept:
            await mail_work.routed(self._pool, kept)
            self._asked.difference_update(kept)
        return await self._receive([mail for mail in found if not mail.journalled])

    async def _receive(self, mails: Sequence[Unrouted]) -> int:
        new = 0
        for mail in mails:
            meaning = meaning_of(self._settings(), mail)
            if meaning is None or mail.id in self._asked or mail.id in self._engine.floor.contacts:
                continue
            self._asked.add(mail.id)
            received = inp.ContactReceived(
                contact=mail.id,
                medium=Medium.MAIL,
                address=mail.mailbox,
                queue=meaning.queue,
                received_at=mail.arrived_at,
            )
            try:
                await self._engine.ask(received)
            except BaseException:
                self._asked.discard(mail.id)
                raise
            new += 1
        if new:
            log.info("mails_routed", count=new)
        return new

    async def withdraw_erased(self) -> None:
        """What was erased waits for nobody; an agent who has it ends it. Raises StoreAway."""
        here = [
            one.id
            for one in self._engine.floor.contacts.values()
            if one.medium is Medium.MAIL and one.state is not ContactState.CONNECTED
        ]
        for contact in await mail_work.erased(self._pool, here) if here else []:
            await self._engine.ask(inp.ContactWithdrawn(contact=contact))
