"""IMAP's responses: whole ones, however the bytes come, and whatever is in a message."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.imap import (
    LONGEST_LINE,
    Fetched,
    Malformed,
    Responses,
    code,
    fetched,
    mailbox_name,
    numbers,
    quoted,
    ranges,
)

BODY = b"* 2 FETCH (FLAGS ())\r\n))(( {7}\r\nA1 OK done\r\n"
SAID = (
    b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n"
    + b'* 1 FETCH (UID 17 RFC822.SIZE 44827 INTERNALDATE "17-Jul-1996 02:44:25 -0700")\r\n'
    + b"* 2 FETCH (UID 18 BODY[]<0> {%d}\r\n" % len(BODY)
    + BODY
    + b" FLAGS (\\Seen))\r\n"
    + b"* 3 FETCH (BODY[] {0}\r\n UID 19)\r\n"
    + b'* 4 FETCH (UID 20 BODY[] "say \\"hi\\"")\r\n'
    + b"* 5 FETCH (UID 21 BODY[] NIL)\r\n"
    + b"A1 OK done\r\n"
)


def read(pieces: list[bytes]) -> list[list[bytes]]:
    responses = Responses(1 << 20)
    found = [one for piece in pieces for one in responses.feed(piece)]
    assert not responses.inside
    return found


def test_a_message_is_data_whatever_it_looks_like() -> None:
    greeting, *answers, done = read([SAID])
    assert greeting == [b"* OK [CAPABILITY IMAP4rev1 IDLE] ready"] and done == [b"A1 OK done"]
    assert [fetched(one) for one in answers] == [
        Fetched(17, 44827, "17-Jul-1996 02:44:25 -0700"),
        Fetched(18, body=BODY),
        Fetched(19, body=b""),
        Fetched(20, body=b'say "hi"'),
        Fetched(21, body=b""),
    ]


@given(st.lists(st.integers(0, len(SAID)), max_size=30))
def test_the_same_responses_come_however_the_bytes_are_cut(cuts: list[int]) -> None:
    places = sorted({0, len(SAID), *cuts})
    pieces = [SAID[start:end] for start, end in itertools.pairwise(places)]
    assert read(pieces) == read([SAID])


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    responses = Responses(100)
    try:
        for one in responses.feed(data):
            fetched(one), numbers(one), code(one, b"UIDVALIDITY")
    except Malformed:
        pass


def test_three_thousand_lines_at_once_are_as_good_as_one() -> None:
    assert len(read([b"* 1 EXPUNGE\r\n" * 3000])) == 3000


def test_nobody_fills_our_memory_with_what_was_not_asked_for() -> None:
    with pytest.raises(Malformed, match="nobody asked for so much"):
        list(Responses(1000).feed(b"* 1 FETCH (UID 1 BODY[] {1001}\r\n"))
    with pytest.raises(Malformed, match="without an end"):
        list(Responses(1000).feed(b"x" * (LONGEST_LINE + 1)))


def test_a_response_of_another_kind_tells_no_message() -> None:
    assert fetched([b"* 5 FETCH (FLAGS (\\Seen))"]) is None
    assert fetched([b"* SEARCH 1 2"]) is None
    assert fetched([b"* 1 FETCH (UID 3 FLAGS ())"]) == Fetched(3)
    assert numbers([b"* 5 EXISTS"]) == [] and numbers([b"* SEARCH"]) == []
    assert code([b"* OK no code"], b"UIDNEXT") is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("INBOX", '"INBOX"'),
        ("Gesendete Objekte", '"Gesendete Objekte"'),
        ("Entwürfe", '"Entw&APw-rfe"'),
        ("~peter/mail/台北/日本語", '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),  # RFC 3501, 5.1.3
        ("R & D", '"R &- D"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("😀", '"&2D3eAA-"'),
    ],
)
def test_a_folder_has_the_name_that_the_rfc_gives_it(name: str, told: str) -> None:
    assert mailbox_name(name) == told


def test_a_word_that_would_end_the_command_is_refused() -> None:
    for word in ("a\r\nA2 DELETE INBOX", "a\0", "ä"):
        with pytest.raises(Malformed):
            quoted(word)


@given(st.sets(st.integers(1, 200)))
def test_ranges_name_exactly_these(uids: set[int]) -> None:
    named: set[int] = set()
    for part in filter(None, ranges(sorted(uids)).split(",")):
        first, _, last = part.partition(":")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == uids
