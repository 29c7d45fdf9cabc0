"""After the key was made, changed or taken away: every value sealed as the current one says, by the owner, at night."""

from __future__ import annotations

import asyncpg

from contactd.store.parties import NAME, about, same_name
from contactd.store.queries import query
from contactd.store.vault import Vault

_PAGE = 1000
_NOBODY = "00000000-0000-0000-0000-000000000000"


async def reseal(owner: asyncpg.Connection, vault: Vault) -> int:
    """Seal with the current key what is not, after a key was made, changed or taken away. Returns how many values.

    May be stopped and begun again: a value is sealed anew in one statement, and found under every key meanwhile.
    """
    changed, after_id = 0, 0
    while identities := await owner.fetch(query("unsealed_identities"), after_id, _PAGE):
        after_id = identities[-1]["id"]
        for row in identities:
            if not vault.is_current(row["value"]):
                text = vault.open(row["value"], about(row["party"], row["kind"]))
                sealed = vault.seal(text, about(row["party"], row["kind"]))
                lookup = vault.lookup(row["kind"], text)
                await owner.execute(query("reseal_identity"), row["id"], sealed, lookup, row["value"])
                changed += 1
    place = (_NOBODY, "")
    while fields := await owner.fetch(query("unsealed_fields"), *place, _PAGE):
        place = (fields[-1]["party"], fields[-1]["field"])
        for row in fields:
            if not vault.is_current(row["value"]):
                what = about(row["party"], f"field/{row['field']}")
                text = vault.open(row["value"], what)
                found_by = vault.lookup(NAME, same_name(text)) if row["found"] else None
                sealed = vault.seal(text, what)
                await owner.execute(query("reseal_field"), row["party"], row["field"], sealed, found_by, row["value"])
                changed += 1
    after = _NOBODY
    while notes := await owner.fetch(query("unsealed_notes"), after, _PAGE):
        after = notes[-1]["id"]
        for row in notes:
            if not vault.is_current(row["body"]):
                what = about(row["id"], "note")
                sealed = vault.seal(vault.open(row["body"], what), what)
                await owner.execute(query("reseal_note"), row["id"], sealed, row["body"])
                changed += 1
    return changed
