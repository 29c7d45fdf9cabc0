"""Numbers at which customers are called back: kept sealed, read through the audit, and asked about before each call."""

from __future__ import annotations

import asyncio
import hashlib

import structlog

from contactd.config import Settings
from contactd.core.contact import Contact
from contactd.core.ids import ContactId, Instant
from contactd.services.crm.identity import IdentityKind, e164
from contactd.services.crm.recogniser import ANSWER_S, numbering_by, vault_with
from contactd.store import audit
from contactd.store.audit import Who
from contactd.store.parties import Directory
from contactd.store.queries import query
from contactd.store.trouble import StoreAway

log = structlog.get_logger()

_VIA = "callback"
_LATER = "It goes with the other callers' numbers (privacy.contact_private_days)."
_MOST = 20_000
"""Numbers that are remembered; others are read again."""


def kept_as(contact: ContactId) -> ContactId:
    """Under which id contact_private has the number: beside the contact's own row, which is the caller's as the PBX
    showed it. It begins with the same time, so that both are forgotten together.

    >>> kept_as(ContactId("018bcfe5-6800-7abc-8def-0123456789ab"))
    '018bcfe5-6800-7abc-8cb1-21cc07446f7c'
    """
    digest = hashlib.sha256(f"callback {contact}".encode()).hexdigest()
    return ContactId(f"{contact[:19]}8cb{digest[0]}-{digest[1:13]}")


class Calling:
    """In memory while the daemon lives, so that nobody's call waits for PostgreSQL but for what its owner wants."""

    def __init__(self, directory: Directory, settings: Settings) -> None:
        self._directory = directory
        self._numbers: dict[ContactId, str] = {}
        self._erasing: set[asyncio.Task[None]] = set()
        self.reload(settings)

    def reload(self, settings: Settings) -> None:
        self._numbering = numbering_by(settings.customers)
        self._vault = vault_with(settings.secrets.customers)

    def whole(self, text: str) -> str | None:
        """In E.164; None for what is no number."""
        return e164(text, self._numbering)

    @property
    def country(self) -> str:
        return self._numbering.country

    def remember(self, contact: ContactId, number: str) -> None:
        self._numbers[contact] = number
        if len(self._numbers) > _MOST:
            del self._numbers[next(iter(self._numbers))]

    def forget(self, contact: ContactId) -> None:
        """The callback is over: nothing needs the number any more."""
        self._numbers.pop(contact, None)
        task = asyncio.create_task(self._erase(contact))
        self._erasing.add(task)
        task.add_done_callback(self._erasing.discard)

    async def _erase(self, contact: ContactId) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._directory.on(lambda connection: connection.fetch(query("erase_private"), kept_as(contact)))
        except (StoreAway, TimeoutError) as error:
            log.warning("callback_number_not_erased", contact=contact, error=str(error), remedy=_LATER)

    async def number_of(self, contact: ContactId) -> str | None:
        """None: it is kept nowhere. Raises StoreAway."""
        if contact in self._numbers:
            return self._numbers[contact]
        row = kept_as(contact)
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await self._directory.on(
                    lambda connection: audit.reveal(connection, self._vault, Who.me(), _VIA, [row])
                )
        except TimeoutError as error:
            raise StoreAway("PostgreSQL did not answer in time") from error
        number = found[row].ani if row in found else None
        if number is not None:
            self.remember(contact, number)
        return number

    async def refuses(self, contact: Contact, number: str) -> bool | None:
        """Whether the owner of the number, or the customer, does not want to be called: of who asked for this call
        themselves, only what they said after that counts. None: nobody knows just now."""
        callback = contact.callback
        since: Instant = callback.asked_at if callback is not None and not callback.by else 0.0
        party = contact.known.party if contact.known is not None else None
        lookups = self._vault.lookups(str(IdentityKind.PHONE), number)
        try:
            async with asyncio.timeout(ANSWER_S):
                return bool(
                    await self._directory.on(
                        lambda connection: connection.fetchval(query("refuses_calls"), lookups, party, since)
                    )
                )
        except (StoreAway, TimeoutError) as error:
            log.warning("callback_not_looked_up", contact=contact.id, error=str(error) or "no answer in time")
            return None
