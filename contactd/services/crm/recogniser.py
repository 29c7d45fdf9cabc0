"""Who is calling, found while the caller waits for the menu, within a limit.

The circle never waits for this: an answer in time goes onto the floor before the menu begins, a late one whenever it
comes, and none costs the caller the limit at most. While PostgreSQL is away nobody is asked, so it costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from contactd.config import Customers, CustomerSecrets, Settings
from contactd.core import inputs as inp
from contactd.core.contact import Known, KnownBy
from contactd.core.ids import ContactId, PartyId
from contactd.engine.inbox import Private
from contactd.metrics import CUSTOMER_MATCH_SECONDS, CUSTOMER_MATCHES
from contactd.services.crm.identity import Identity, Numbering, caller
from contactd.services.crm.known import known_of, nearest
from contactd.services.crm.lookup import Answer, CrmLookup
from contactd.store.audit import Who
from contactd.store.parties import Directory, Record
from contactd.store.party_changes import Edit, change
from contactd.store.party_learning import learnt
from contactd.store.trouble import Held, StoreAway
from contactd.store.vault import Vault

log = structlog.get_logger()

ANSWER_S = 5.0
"""When nobody waits for an answer any more, not even late."""
_MOST_ASKED = 200
_MOST_REMEMBERED = 20_000
_SHARE = 0.9
"""Of the time that a call waits: what another system may have of it, so that our own answer is told within it."""
_PAUSE_S = 1.0
"""How long nobody is asked after PostgreSQL did not answer."""


def numbering_by(customers: Customers) -> Numbering:
    return Numbering(customers.country, customers.bare_numbers == "international")


def vault_with(secrets: CustomerSecrets) -> Vault:
    return Vault.of_hex([*([secrets.key] if secrets.key is not None else []), *secrets.old_keys])


class Recogniser:
    """tell: puts an input, and what goes beside it, onto the floor. settings: those in force, also after a reload."""

    def __init__(
        self, directory: Directory, settings: Settings, tell: Callable[[inp.Input, Private | None], None]
    ) -> None:
        self.directory = directory
        self._tell = tell
        self._lookup = CrmLookup(settings)
        self._answered: dict[ContactId, None] = {}
        self._asked: dict[ContactId, asyncio.Task[Known | None]] = {}
        self._away_until = 0.0
        self._late: set[asyncio.Task[None]] = set()
        self._learnt: dict[PartyId, Edit] = {}
        self.reload(settings)

    def reload(self, settings: Settings) -> None:
        self._customers = settings.customers
        self._numbering = numbering_by(settings.customers)
        self._vault = vault_with(settings.secrets.customers)
        self._lookup.reload(settings)

    @property
    def lookup_trouble(self) -> str | None:
        """Why the other system is not asked just now; empty: it is. None: there is none."""
        return self._lookup.trouble

    @property
    def limit_s(self) -> float:
        return self._customers.match_ms / 1000

    def prompts_in(self, language: str | None) -> str | None:
        """In which language the PBX has the menus for who speaks this one; None: in none."""
        return nearest(language, self._customers.prompt_languages)

    async def recognise(self, contact: ContactId, ani: str | None) -> Known | None:
        """What is known of the caller, on the floor by then; None: nothing, or not in time (then it is told later)."""
        task = self.ask(contact, ani)
        if task is None:
            if self._customers.recognise:
                CUSTOMER_MATCHES.labels("not_asked" if caller(ani, self._numbering) else "no_identity").inc()
            return None
        done, _ = await asyncio.wait({task}, timeout=self.limit_s)
        if not done:
            CUSTOMER_MATCHES.labels("late").inc()
            return None
        return task.result()

    def ask(
        self, contact: ContactId, ani: str | None, beside: Private | None = None
    ) -> asyncio.Task[Known | None] | None:
        """Look who it is and tell the floor, whenever that may be; None when nobody is to be asked, or was already."""
        identity = caller(ani, self._numbering) if self._customers.recognise else None
        if identity is None or contact in self._answered:
            return None
        running = self._asked.get(contact)
        if running is not None:
            return running
        if time.monotonic() < self._away_until or len(self._asked) >= _MOST_ASKED:
            return None
        task = asyncio.create_task(self._look(contact, identity, beside))
        self._asked[contact] = task
        task.add_done_callback(lambda _: self._asked.pop(contact, None))
        return task

    async def known(self, party: PartyId) -> Known | None:
        """Of a party that somebody named; None: there is none. Raises StoreAway."""
        record = await self.directory.known(party, days=self._customers.sticky_days)
        return known_of([record], self._customers, KnownBy.PERSON) if record is not None else None

    async def close(self) -> None:
        running = [*self._asked.values(), *self._late]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._lookup.close()

    async def _look(self, contact: ContactId, identity: Identity, beside: Private | None) -> Known | None:
        began = time.monotonic()
        customers = self._customers
        elsewhere = self._lookup.ask(identity.value)
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await self.directory.arrives(
                    self._vault,
                    identity.kind,
                    identity.value,
                    days=customers.sticky_days,
                    make=customers.light_records,
                )
        except (StoreAway, TimeoutError) as error:
            self._away_until = time.monotonic() + _PAUSE_S
            CUSTOMER_MATCHES.labels("away").inc()
            log.warning("customer_not_looked_up", contact=contact, error=str(error) or "no answer in time")
            return None
        self._answered[contact] = None
        if len(self._answered) > _MOST_REMEMBERED:
            del self._answered[next(iter(self._answered))]
        CUSTOMER_MATCH_SECONDS.observe(time.monotonic() - began)
        result = "nobody" if not found else "ambiguous" if len(found) > 1 else "light" if found[0].light else "customer"
        CUSTOMER_MATCHES.labels(result).inc()
        answer: Answer | None = None
        if elsewhere is not None:
            left_s = _SHARE * self.limit_s - (time.monotonic() - began)
            done, _ = await asyncio.wait({elsewhere}, timeout=max(0.0, left_s))
            if not done:
                self._do(self._hear_late(contact, elsewhere, found, beside))
            elif (answer := elsewhere.result()) is not None:
                self._do(self._learn(contact, answer, found, beside))
        known = known_of(found, customers, answer=answer) if found else None
        if known is not None:
            self._tell(inp.PartyKnown(contact=contact, known=known), beside)
        return known

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside the call, which does not wait for it."""
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _hear_late(
        self,
        contact: ContactId,
        elsewhere: asyncio.Task[Answer | None],
        found: Sequence[Record],
        beside: Private | None,
    ) -> None:
        """The other system was slower than the call may wait for: what it says counts from then on."""
        answer = await asyncio.shield(elsewhere)
        if answer is None:
            return
        if found:
            self._tell(inp.PartyKnown(contact=contact, known=known_of(found, self._customers, answer=answer)), beside)
        await self._learn(contact, answer, found, beside)

    async def _learn(self, contact: ContactId, answer: Answer, found: Sequence[Record], beside: Private | None) -> None:
        """Write what the other system says into the record, with its source; and look whose its id is already."""
        if not self._lookup.keeps:
            return
        vault, source = self._vault, f"lookup {self._lookup.system}"
        numbered = [record.party for record in found]
        try:
            async with asyncio.timeout(ANSWER_S):
                party = await self.directory.on(
                    lambda connection: learnt(connection, vault, Who.me(), source, numbered, answer.external)
                )
                if party is None:
                    return
                if self._learnt.get(party) != answer.edit:
                    await self.directory.on(
                        lambda connection: change(connection, vault, Who.me(), party, answer.edit, via=source)
                    )
                    self._learnt[party] = answer.edit
                    if len(self._learnt) > _MOST_REMEMBERED:
                        del self._learnt[next(iter(self._learnt))]
                record = (
                    None if numbered == [party] else await self.directory.known(party, days=self._customers.sticky_days)
                )
        except (StoreAway, TimeoutError, Held) as error:
            log.warning("customer_lookup_not_kept", contact=contact, error=str(error) or "no answer in time")
            return
        if record is not None:
            known = known_of([record], self._customers, answer=answer)
            self._tell(inp.PartyKnown(contact=contact, known=known), beside)
