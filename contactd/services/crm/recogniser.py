"""Who is calling, found while the caller waits for the menu, within a limit.

The circle never waits for this: an answer in time goes onto the floor before the menu begins, a late one whenever it
comes, and none costs the caller the limit at most. While PostgreSQL is away nobody is asked, so it costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from contactd.config import Customers, CustomerSecrets, Settings
from contactd.core import inputs as inp
from contactd.core.contact import Known, KnownBy
from contactd.core.ids import ContactId, PartyId
from contactd.engine.inbox import Private
from contactd.metrics import CUSTOMER_MATCH_SECONDS, CUSTOMER_MATCHES
from contactd.services.crm.identity import Identity, Numbering, caller
from contactd.services.crm.known import known_of
from contactd.store.parties import Directory
from contactd.store.trouble import StoreAway
from contactd.store.vault import Vault

log = structlog.get_logger()

ANSWER_S = 5.0
"""When nobody waits for an answer any more, not even late."""
_MOST_ASKED = 200
_MOST_REMEMBERED = 20_000
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
        self._directory = directory
        self._tell = tell
        self._answered: dict[ContactId, None] = {}
        self._asked: dict[ContactId, asyncio.Task[Known | None]] = {}
        self._away_until = 0.0
        self.reload(settings)

    def reload(self, settings: Settings) -> None:
        self._customers = settings.customers
        self._numbering = numbering_by(settings.customers)
        self._vault = vault_with(settings.secrets.customers)

    @property
    def limit_s(self) -> float:
        return self._customers.match_ms / 1000

    def speaks(self, language: str | None) -> bool:
        """Whether the PBX has the menus in it."""
        return language in self._customers.prompt_languages

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
        record = await self._directory.known(party, days=self._customers.sticky_days)
        return known_of([record], self._customers, KnownBy.PERSON) if record is not None else None

    async def close(self) -> None:
        for task in list(self._asked.values()):
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    async def _look(self, contact: ContactId, identity: Identity, beside: Private | None) -> Known | None:
        began = time.monotonic()
        customers = self._customers
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await self._directory.arrives(
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
        if not found:
            return None
        known = known_of(found, customers)
        self._tell(inp.PartyKnown(contact=contact, known=known), beside)
        return known
