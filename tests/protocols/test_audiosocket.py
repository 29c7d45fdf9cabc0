from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.audiosocket import (
    AUDIO,
    DTMF,
    ERROR,
    HANG_UP,
    RATES_HZ,
    UUID,
    Frame,
    FrameParser,
    encode,
)
from contactd.protocols.errors import ProtocolError

audio = st.builds(
    lambda kind, samples: Frame(kind, samples * 2), st.sampled_from(list(RATES_HZ)), st.binary(max_size=400)
)
frame = st.one_of(
    audio,
    st.binary(min_size=16, max_size=16).map(lambda uuid: Frame(UUID, uuid)),
    st.binary(min_size=1, max_size=1).map(lambda digit: Frame(DTMF, digit)),
    st.binary(max_size=255).map(lambda code: Frame(ERROR, code)),
    st.just(Frame(HANG_UP)),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def test_a_call_as_asterisk_sends_it() -> None:
    data = bytes.fromhex("010010 00112233445566778899aabbccddeeff 100004 0100ffff 030001 35 120002 0000 000000")
    assert FrameParser().feed(data) == [
        Frame(UUID, bytes.fromhex("00112233445566778899aabbccddeeff")),
        Frame(AUDIO, b"\x01\x00\xff\xff"),
        Frame(DTMF, b"5"),
        Frame(0x12, b"\0\0"),
        Frame(HANG_UP),
    ]
    assert RATES_HZ[AUDIO] == 8_000
    assert RATES_HZ[0x12] == 16_000


def test_twenty_milliseconds_are_encoded_with_their_length() -> None:
    assert encode(AUDIO, b"\1\2" * 160) == b"\x10\x01\x40" + b"\1\2" * 160
    assert encode(HANG_UP) == b"\0\0\0"


@given(frames=st.lists(frame, max_size=12), places=st.lists(st.integers(0, 10_000), max_size=12))
def test_any_cut_gives_the_same_frames(frames: list[Frame], places: list[int]) -> None:
    data = b"".join(encode(each.kind, each.payload) for each in frames)
    parser = FrameParser()
    assert [each for piece in cut(data, places) for each in parser.feed(piece)] == frames


@given(frames=st.lists(frame, max_size=3), rest=st.binary(max_size=200), places=st.lists(st.integers(0, 2_000)))
def test_garbage_raises_the_same_error_on_any_cut_and_no_other(
    frames: list[Frame], rest: bytes, places: list[int]
) -> None:
    data = b"".join(encode(each.kind, each.payload) for each in frames) + rest

    def told(pieces: list[bytes]) -> str:
        parser = FrameParser()
        try:
            for piece in pieces:
                parser.feed(piece)
        except ProtocolError as error:
            return str(error)
        return ""

    assert told(cut(data, places)) == told([data])


@pytest.mark.parametrize(
    "data",
    [
        b"\x02",  # no such type: refused by its first byte
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",  # TLS
        b"\x00\x00\x01x",
        b"\x01\x00\x0f",
        b"\x03\x00\x02",
        b"\x10\x00\x03",  # half a sample
        b"\x10\xff\xfe",  # four seconds
        b"\xff\x01\x00",
    ],
)
def test_what_is_no_frame_is_refused_before_it_is_whole(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="closed"):
        FrameParser().feed(data)


def test_what_waits_for_its_end_is_bounded() -> None:
    parser = FrameParser()
    longest = encode(0x18, b"\0" * 65_534)[:-1]
    assert parser.feed(longest) == []
    assert len(parser._rest) < 65_538


@pytest.mark.parametrize(
    ("kind", "payload"), [(0x02, b""), (0x19, b"ab"), (UUID, b"short"), (AUDIO, b"odd"), (AUDIO, b"\0" * 4_802)]
)
def test_no_wrong_frame_is_sent(kind: int, payload: bytes) -> None:
    with pytest.raises(ValueError, match="no AudioSocket frame"):
        encode(kind, payload)


def test_a_frame_does_not_show_what_it_carries() -> None:
    assert "5" not in repr(Frame(DTMF, b"5"))
