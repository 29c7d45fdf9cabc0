"""A caller's number and name on their way to a disk: sealed where there is a key, and found in every spelling."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from contactd.config import Customers, CustomerSecrets
from contactd.core.ids import ContactId
from contactd.engine.frame import PrivateRow, frame_of
from contactd.engine.inbox import Private
from contactd.services.crm.callers import CallerKeeper, found_by, searched
from contactd.services.crm.identity import Numbering
from contactd.store.callers import MARK, unseal
from contactd.store.vault import NotOpened, Vault
from tests.core.world import open_world
from tests.engine.journal import CONFIG

KEY, OLD = bytes(range(32)), bytes(range(7, 39))
DE = Numbering("DE")
CONTACT = ContactId("01890a5d-ac96-774b-bcce-b302099a8057")


def keeper(*keys: bytes) -> CallerKeeper:
    first, *rest = [key.hex() for key in keys] or [None]
    secrets = CustomerSecrets(key=first, old_keys=tuple(key for key in rest if key is not None))
    settings = SimpleNamespace(customers=Customers(country="DE"), secrets=SimpleNamespace(customers=secrets))
    return CallerKeeper(settings)  # type: ignore[arg-type]


def test_a_frame_has_no_number_and_no_name_where_there_is_a_key() -> None:
    world = open_world()
    call = world.arrive()
    private = [Private(call.contact, "030 887766551", "Rumpelstilzchen")]
    made = frame_of(1, [world.steps[-1]], private, CONFIG, keeper(KEY))
    assert made is not None
    for value in (b"887766551", b"Rumpel"):
        assert value not in made.encoded
    (row,) = made.rows().private
    assert row.ani and row.name and len(row.salt) == 16
    assert unseal(Vault([KEY]), call.contact, "ani", row.ani) == "030 887766551"
    assert unseal(Vault([OLD, KEY]), call.contact, "name", row.name) == "Rumpelstilzchen"
    with pytest.raises(NotOpened, match="among ours"):
        unseal(Vault(), call.contact, "name", row.name)
    with pytest.raises(NotOpened, match="moved"):
        unseal(Vault([KEY]), CONTACT, "name", row.name)


def test_without_a_key_a_row_is_as_ever_and_cannot_pass_for_a_sealed_one() -> None:
    row = keeper()(Private(CONTACT, "anonymous", f"{MARK}1:00000000:AAAA"))
    assert (row.ani, row.name) == ("anonymous", "1:00000000:AAAA")
    assert unseal(Vault(), CONTACT, "name", row.name) == row.name
    nobody = keeper(KEY)(Private(CONTACT, None, None))
    assert (nobody.ani, nobody.name, nobody.lookup) == (None, None, None)


@pytest.mark.parametrize("keys", [(), (KEY,)], ids=["plain", "sealed"])
def test_text_that_cannot_be_encoded_stops_nothing(keys: tuple[bytes, ...]) -> None:
    row = keeper(*keys)(Private(CONTACT, "\ud800", "a\udfffb"))
    assert unseal(Vault(keys), CONTACT, "name", row.name) == "a?b"
    msgspec.msgpack.encode(row)


def test_a_frame_of_the_version_before_is_read() -> None:
    old = msgspec.msgpack.encode([CONTACT, b"salt", "0301", None])
    assert msgspec.msgpack.decode(old, type=PrivateRow) == PrivateRow(CONTACT, b"salt", "0301", None, None)


@pytest.mark.parametrize("written", ["+4930887766551", "0049 30 887766551", "030/887766551", "030887766551"])
def test_a_number_is_found_in_every_spelling_and_under_every_key(written: str) -> None:
    for shown in ("030887766551", "+49 30 887766551"):
        for made_with in ((), (OLD,), (KEY, OLD)):
            row = keeper(*made_with)(Private(CONTACT, shown, None))
            _, hashes = searched(Vault([KEY, OLD]), DE, [written])
            assert row.lookup in hashes


def test_a_number_from_before_the_country_was_set_is_found_as_it_was_shown() -> None:
    vault = Vault([KEY])
    before = vault.lookup(*found_by(Numbering())("030887766551"))
    spellings, hashes = searched(vault, DE, ["+4930887766551"])
    assert before in hashes
    assert "030887766551" in spellings
    assert vault.lookup("phone", "+4930887766552") not in hashes


def test_a_callers_hash_is_that_of_the_customers_identity() -> None:
    row = keeper(KEY)(Private(CONTACT, "030887766551", None))
    assert row.lookup == Vault([KEY]).lookup("phone", "+4930887766551")
