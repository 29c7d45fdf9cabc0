"""Who a contact is, for the agent whom it was offered to: read once for each user, through the audit.

A view never waits for it: it is sent without number and name, and again when PostgreSQL has told them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from contactd.config import Settings
from contactd.core.floor import LiveFloor
from contactd.core.ids import ContactId, PartyId
from contactd.services.crm.recogniser import vault_with
from contactd.store import audit, parties
from contactd.store.audit import Who
from contactd.store.desk import DeskStore
from contactd.store.trouble import StoreAway
from contactd.store.vault import NotOpened

log = structlog.get_logger()

_MOST = 5000
_AT_ONCE = 4
_AGAIN_S = 5.0
_END = 3


@dataclass(frozen=True, slots=True)
class Identified:
    """party: whose name it is; it may be found out later who somebody is."""

    number: str | None
    name: str | None
    party: PartyId | None


class Persons:
    """touch: a contact's views are to be made anew."""

    def __init__(
        self,
        store: DeskStore,
        floor: LiveFloor,
        settings: Callable[[], Settings],
        touch: Callable[[ContactId], None],
    ) -> None:
        self._store, self._floor, self._settings, self._touch = store, floor, settings, touch
        self._read: OrderedDict[tuple[str, ContactId], Identified] = OrderedDict()
        self._tasks: dict[tuple[str, ContactId], asyncio.Task[None]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    def of(self, user: str, contact: ContactId) -> Identified | None:
        """None: it is being read."""
        key = (user, contact)
        known = self._read.get(key)
        live = self._floor.contacts.get(contact)
        party = live.known.party if live is not None and live.known is not None else None
        stale = known is None or (party is not None and known.party != party)
        if stale and key not in self._tasks and live is not None:
            task = self._tasks[key] = asyncio.create_task(self._look(user, contact, party))
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return known

    def shown(self, number: str | None) -> str | None:
        """As much of it as agents may see."""
        how = self._settings().desk.numbers
        if number is None or how == "none":
            return None
        return number if how == "whole" else f"…{number[-_END:]}"

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, user: str, contact: ContactId, party: PartyId | None) -> None:
        vault, who = vault_with(self._settings().secrets.customers), Who.at_desk(user)

        async def work(connection: Any) -> Identified:
            found = await audit.reveal(connection, vault, who, "desk", [contact])
            person = found.get(contact)
            names = await parties.names(connection, vault, who, [party]) if party is not None else {}
            number = person.ani if person is not None else None
            called = person.name if person is not None else None
            return Identified(number, (names.get(party) if party is not None else None) or called, party)

        try:
            async with self._few:
                made = await self._store.on(work)
        except (StoreAway, NotOpened) as error:
            log.warning("desk_person_unread", contact_id=contact, error=str(error))
            await asyncio.sleep(_AGAIN_S)
        else:
            self._read[user, contact] = made
            while len(self._read) > _MOST:
                self._read.popitem(last=False)
        # Read or to be tried again: either way by the next view.
        asyncio.get_running_loop().call_soon(self._touch, contact)
