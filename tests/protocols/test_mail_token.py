import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.mail_token import Tokens

OURS = Tokens([b"a" * 32])
threads = st.uuids().map(str)


@given(threads, st.binary(min_size=8, max_size=16))
def test_a_thread_is_found_in_what_was_sent_also_after_its_case_was_changed(thread: str, unique: bytes) -> None:
    message = OURS.message_id(thread, unique, "Example.org")
    reply = OURS.reply_to("support@example.org", thread)
    assert len(reply.partition("@")[0]) <= 64
    for text in (message, reply, message.upper(), reply.upper(), f"<a@b> {message}\r\n <c@d>"):
        assert OURS.threads(text) == [thread]
    assert OURS.threads(reply, message, "") == [thread]


def test_two_messages_of_a_thread_have_two_message_ids() -> None:
    thread = str(uuid.UUID(int=7))
    assert OURS.message_id(thread, b"1" * 8, "x.org") != OURS.message_id(thread, b"2" * 8, "x.org")


@given(threads, st.integers(3, 41), st.sampled_from("abcz2347"))
def test_a_changed_letter_names_nothing(thread: str, place: int, letter: str) -> None:
    token = OURS.token(thread)
    changed = token[:place] + letter + token[place + 1 :]
    assert OURS.threads(changed) == ([thread] if changed == token else [])


@given(threads)
def test_who_has_not_the_key_makes_none(thread: str) -> None:
    assert OURS.threads(Tokens([b"b" * 32]).token(thread)) == []
    assert OURS.threads("x" + OURS.token(thread), OURS.token(thread) + "a") == []


@given(threads)
def test_an_older_key_still_verifies_and_the_current_one_signs(thread: str) -> None:
    new = Tokens([b"b" * 32, b"a" * 32])
    assert new.threads(OURS.token(thread)) == [thread]
    assert OURS.threads(new.token(thread)) == []


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert OURS.threads(text) == []


def test_a_flood_of_tokens_is_bounded_and_the_first_ones_count() -> None:
    thread = str(uuid.UUID(int=3))
    forged = " ".join(["ct1" + "a" * 39] * 100_000)
    assert OURS.threads(f"{OURS.token(thread)} {forged}") == [thread]


def test_an_address_that_would_be_too_long_stays_as_it_is() -> None:
    thread = str(uuid.UUID(int=3))
    long = "customer.service.of.our.branch@example.org"
    assert OURS.reply_to(long, thread) == long
    assert OURS.reply_to("no address", thread) == "no address"


def test_what_makes_no_token_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        Tokens([])
    with pytest.raises(ValueError, match="key"):
        Tokens([b"short"])
    with pytest.raises(ValueError, match="UUID"):
        OURS.token("ab")
    with pytest.raises(ValueError, match="domain"):
        OURS.message_id(str(uuid.UUID(int=3)), b"12345678", "x.org>\r\nBcc: a@b")
    assert "aaaa" not in repr(OURS)
