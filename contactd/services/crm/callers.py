"""What is kept of a caller beside the journal, and how it is found again by a number."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterable

from contactd.config import Settings
from contactd.engine.frame import PrivateRow, WordsRow
from contactd.engine.inbox import Private, Words
from contactd.services.crm.identity import IdentityKind, Numbering, e164, spellings
from contactd.services.crm.recogniser import numbering_by, vault_with
from contactd.store import callers
from contactd.store.callers import FoundBy
from contactd.store.transcripts import about
from contactd.store.vault import Vault

_SALT = 16


class CallerKeeper:
    """Makes the row of a caller as it goes to the spool: where there is a key, no disk ever has one in the clear."""

    def __init__(self, settings: Settings) -> None:
        self.reload(settings)

    def reload(self, settings: Settings) -> None:
        self._vault = vault_with(settings.secrets.customers)
        self._found_by = found_by(numbering_by(settings.customers))

    def __call__(self, private: Private) -> PrivateRow:
        # The circle calls: text that cannot be encoded must not stop it.
        ani, name = (_encodable(text) for text in (private.ani, private.name))
        contact = private.contact
        return PrivateRow(
            contact,
            secrets.token_bytes(_SALT),
            callers.seal(self._vault, contact, "ani", ani),
            callers.seal(self._vault, contact, "name", name),
            self._vault.lookup(*self._found_by(ani)) if ani is not None else None,
        )

    def words(self, words: Words) -> WordsRow:
        """A message, likewise."""
        body = self._vault.seal(words.body, about(words.contact, words.message))
        return WordsRow(words.contact, words.message, words.at, words.author, body)


def found_by(numbering: Numbering) -> FoundBy:
    """As the customer's own number where it may be one: then both are found by one hash, in every spelling."""
    return functools.partial(_found_by, numbering)


def _found_by(numbering: Numbering, ani: str) -> tuple[str, str]:
    number = e164(ani, numbering)
    return (str(IdentityKind.PHONE), number) if number is not None else callers.as_shown(ani)


def searched(vault: Vault, numbering: Numbering, numbers: Iterable[str]) -> tuple[list[str], list[bytes]]:
    """By what rows of these numbers are found: the spellings, for rows without a hash, and the hashes."""
    written: dict[str, None] = {}
    hashes: dict[bytes, None] = {}
    for number in numbers:
        whole = e164(number, numbering)
        ways = [number, *(spellings(whole, numbering) if whole is not None else [])]
        kinds = [(str(IdentityKind.PHONE), whole)] if whole is not None else []
        written |= dict.fromkeys(ways)
        # Its country may have been configured later than the call came.
        kinds += [callers.as_shown(way) for way in ways]
        hashes |= dict.fromkeys(one for kind, value in kinds for one in vault.lookups(kind, value))
    return list(written), list(hashes)


def _encodable(text: str | None) -> str | None:
    return None if text is None else text.encode(errors="replace").decode()
