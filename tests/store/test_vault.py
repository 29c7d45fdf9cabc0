"""Values at rest: sealed, bound to their place, found without being read, and moved from key to key."""

from __future__ import annotations

import hmac
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.store.vault import NotOpened, Vault, key_id

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


@given(st.text(max_size=50), st.sampled_from([(), (OLD,), (NEW, OLD)]))
def test_what_was_sealed_opens(text: str, keys: tuple[bytes, ...]) -> None:
    vault = Vault(keys)
    assert vault.open(vault.seal(text, "anna/name"), "anna/name") == text


def test_a_sealed_value_says_nothing_and_is_never_twice_the_same() -> None:
    vault = Vault([NEW])
    one, other = vault.seal("Anna", "a"), vault.seal("Anna", "a")
    assert one != other
    assert "Anna" not in one
    assert one.startswith(f"1:{key_id(NEW)}:")
    assert repr(vault) == "Vault(...)"


def test_a_value_opens_in_its_own_place_only() -> None:
    vault = Vault([NEW])
    sealed = vault.seal("Anna", "anna/name")
    with pytest.raises(NotOpened, match="moved to another"):
        vault.open(sealed, "eve/name")
    with pytest.raises(NotOpened, match="moved to another"):
        vault.open(sealed[:-4] + "AAAA", "anna/name")


def test_an_old_key_still_opens_and_still_finds_and_is_told_from_the_current_one() -> None:
    before, now = Vault([OLD]), Vault([NEW, OLD])
    sealed = before.seal("Anna", "a")
    assert now.open(sealed, "a") == "Anna"
    assert sealed.startswith(before.prefix) and not sealed.startswith(now.prefix)
    assert before.lookup("phone", "+4930") in now.lookups("phone", "+4930")
    assert before.lookup("phone", "+4930") != now.lookup("phone", "+4930")
    with pytest.raises(NotOpened, match=rf"key {key_id(OLD)}.*old_keys"):
        Vault([NEW]).open(sealed, "a")


def test_what_was_kept_before_there_was_a_key_is_read_and_found() -> None:
    plain, now = Vault(), Vault([NEW])
    sealed = plain.seal("1:looks:sealed", "a")
    assert now.open(sealed, "a") == plain.open(sealed, "a") == "1:looks:sealed"
    assert not sealed.startswith(now.prefix) and sealed.startswith(plain.prefix)
    assert plain.lookup("phone", "x") in now.lookups("phone", "x")


def test_equal_values_of_other_kinds_are_not_equal() -> None:
    vault = Vault([NEW])
    assert vault.lookup("phone", "1") != vault.lookup("external", "1")
    assert vault.lookup("phone", "1") == vault.lookup("phone", "1") == vault.lookups("phone", "1")[0]


def test_a_value_is_found_by_a_plain_hmac_and_a_finder_goes_to_another_process() -> None:
    vault = Vault([NEW, OLD])
    keys = [hmac.digest(key, b"contactd lookup", "sha256") for key in (NEW, OLD)]
    wanted = [hmac.digest(key, "mail\0ü@example.org".encode(), "sha256") for key in (*keys, b"")]
    assert vault.lookups("mail", "ü@example.org") == wanted
    assert vault.lookup("mail", "ü@example.org") == wanted[0]
    again = pickle.loads(pickle.dumps(vault.finder))  # noqa: S301 - our own, a line before
    assert again.lookups("mail", "ü@example.org") == wanted
