"""Any bytes in any pieces: messages or ProtocolError, in bounded memory. Nothing that is sent becomes two.

Short in `make test`, long with CONTACTD_LONG=1.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contactd.protocols import agi, ami, audiosocket
from contactd.protocols.errors import ProtocolError
from tests.protocols.fuzz import cut, fuzzed, hostile_text, places, read, same_in_pieces, soup
from tests.protocols.test_agi import read_as_asterisk_does

# --- AMI ------------------------------------------------------------------------------------------------------------

LINE_CHARS, HEADERS, MESSAGE_BYTES = 50, 8, 300

ami_bytes = soup(
    *(b"Asterisk Call Manager/9.0.0\r\n", b"Asterisk Call", b"Event: Hangup\r\n", b"Event: Newexten\r\n"),
    *(b"Response: Success\r\n", b"ActionID: 1\r\n", b"\r\nActionID: ", b"ChanVariable: A=b\r\n", b"Event", b"Response"),
    *(b": ", b":", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"\0", b"\xff", "日".encode()[:2], b"x" * 60, b"y" * 310),
)


def ami_parser(events: bool, banner: bool) -> ami.Parser:
    return ami.Parser(
        {"Hangup"} if events else None,
        expect_banner=banner,
        max_line_chars=LINE_CHARS,
        max_headers=HEADERS,
        max_message_bytes=MESSAGE_BYTES,
    )


def plain_message(message: ami.Message) -> dict[str, list[str]]:
    return {name: message.all(name) for name in message}


@fuzzed
@given(data=ami_bytes, places=places, events=st.booleans(), banner=st.booleans())
@example(data=b"\r\n" * 3, places=[1], events=False, banner=True)  # an empty first line is no greeting
@example(data=ami.BANNER + b"9" * 178 + b"\r\n", places=[201], events=False, banner=True)
@example(data=b"Event: Newexten\r\n" + b"x" * 310 + b"\r\n\r\n", places=[3], events=True, banner=False)
def test_ami_is_the_same_in_any_pieces(data: bytes, places: list[int], events: bool, banner: bool) -> None:
    same_in_pieces(lambda: ami_parser(events, banner), data, places, plain_message)


@fuzzed
@given(data=ami_bytes, places=places, repeat=st.integers(1, 20))
def test_ami_keeps_no_more_than_one_message(data: bytes, places: list[int], repeat: int) -> None:
    parser = ami_parser(events=True, banner=False)

    def bounded(_: int) -> None:
        assert sum(map(len, parser._parts)) <= MESSAGE_BYTES + len(ami.END)

    found = read(parser, cut(data * repeat, places), bounded).found
    for message in found:
        assert message.event == "Hangup" or message.event is None or message.action_id is not None
        for name, value in [(each, value) for each in message for value in message.all(each)]:
            assert "\r\n" not in name + value and "\0" not in name + value
            (name + value).encode()  # no lone surrogate: PostgreSQL and JSON would refuse it


@fuzzed
@given(values=st.lists(hostile_text, min_size=1, max_size=4), name=hostile_text)
def test_no_value_of_an_ami_action_makes_a_second_header_or_action(values: list[str], name: str) -> None:
    for action in ({"Action": "Setvar", "Value": values}, {"Action": "Setvar", name: values[0]}):
        try:
            wire = ami.encode(action)  # type: ignore[arg-type]
        except ValueError as error:  # a surrogate's UnicodeEncodeError is one
            assert not any(len(value) > 6 and value in str(error) and value not in name for value in values)
            continue
        assert wire.count(ami.END) == 1 and wire.endswith(ami.END) and b"\0" not in wire
        lines = wire.removesuffix(ami.END).split(b"\r\n")
        assert len(lines) == 1 + len(action.get("Value", [0])) and lines[0] == b"Action: Setvar"
        assert not any(b"\r" in line or b"\n" in line for line in lines)
        (message,) = ami.Parser(expect_banner=False).feed(wire.replace(b"Action:", b"Event:", 1))
        if "Value" in action:
            assert message.all("Value") == values


@fuzzed
@given(st.lists(st.tuples(hostile_text, hostile_text), max_size=12))
def test_the_variables_of_an_event_are_read_whatever_they_are(pairs: list[tuple[str, str]]) -> None:
    known = ["ChanVariable", "DestChanVariable", "ChanVariable(PJSIP/a)", "TransfereeChanVariable"]
    message = ami.Message([*pairs, *((known[n % 4], value) for n, (_, value) in enumerate(pairs))])
    for side in (None, "", "Dest", "Transferee"):
        for name, value in ami.chan_variables(message, side).items():
            assert "=" not in name and isinstance(value, str)


# --- AGI ------------------------------------------------------------------------------------------------------------

agi_bytes = soup(
    *(b"200 result=", b"200 result=1 (", b"1", b"-1", b"9" * 5_000, b" (", b")", b" endpos=", b"HANGUP\n", b"HANGUP"),
    *(b"\n", b"\r\n", b"\r", b"\0", b"520-Invalid\n", b"520 End of proper usage.\n", b"510 Invalid\n", b"100 Trying\n"),
    *(b"\xff\xfe", b"200 result=0 endpos=" + b"9" * 5_000 + b"\n", b"511 dead\n", b"000 \n"),
)


@fuzzed
@given(data=agi_bytes, places=places)
@example(data=b"200 result=0 endpos=" + b"9" * 5_000 + b"\n", places=[])  # more digits than int() takes
def test_agi_replies_are_the_same_in_any_pieces(data: bytes, places: list[int]) -> None:
    same_in_pieces(lambda: agi.ReplyParser(max_reply_bytes=6_000), data, places, lambda reply: reply)


@fuzzed
@given(data=agi_bytes, places=places, repeat=st.integers(1, 20))
def test_agi_keeps_no_more_than_one_reply(data: bytes, places: list[int], repeat: int) -> None:
    parser = agi.ReplyParser(max_reply_bytes=6_000)

    def bounded(_: int) -> None:
        assert sum(map(len, [*parser._rest, *parser._open])) <= 6_000

    for reply in read(parser, cut(data * repeat, places), bounded).found:
        if isinstance(reply, agi.Reply):
            assert "\0" not in reply.result + reply.data
            (reply.result + reply.data).encode()


agi_headers = soup(
    *(b"agi_network: yes\n", b"agi_request: agi://h/menu\n", b"agi_network_script: menu", b"?token=", b"&a=%00%0a%ff"),
    *(b"agi_arg_1: ", b"agi_arg_2: x\n", b"agi_uniqueid: 1.1\n", b"agi_callerid: ", b"\n", b":", b"\0", b"\xff", b"%"),
    *(b"agi_", b"GET / HTTP/1.1\r\n", b"agi_arg_1: " + b"x" * 9_000 + b"\n"),
)


@fuzzed
@given(agi_headers)
def test_agi_headers_are_a_request_or_refused(data: bytes) -> None:
    for head in (data, b"agi_request: agi://h/x\n" + data):
        try:
            request = agi.parse_request(head.decode("utf-8", "replace").split("\n"))
        except ProtocolError as error:
            assert len(str(error)) > 20
            continue
        for value in (request.uniqueid, request.channel, *request.args, *request.env.values()):
            assert "\0" not in value and "\n" not in value
            value.encode()


@fuzzed
@given(st.lists(st.one_of(hostile_text, st.integers()), max_size=6))
def test_no_word_of_an_agi_command_makes_a_second_word_or_command(words: list[Any]) -> None:
    try:
        line = agi.build_command("SET VARIABLE", *words)
    except ValueError as error:
        assert not any(len(word) > 6 and word in str(error) for word in words if isinstance(word, str))
        return
    assert line.count(b"\n") == 1 and b"\r" not in line and b"\0" not in line
    assert read_as_asterisk_does(line) == ["SET", "VARIABLE", *map(str, words)]


@fuzzed
@given(hostile_text)
def test_the_name_of_an_agi_command_is_letters(verb: str) -> None:
    try:
        line = agi.build_command(verb, "a")
    except ValueError:
        return
    assert re.fullmatch(rb"[A-Za-z]+( [A-Za-z]+)* a\n", line)


# --- AudioSocket ----------------------------------------------------------------------------------------------------

audio_bytes = soup(
    *(b"\x01\x00\x10" + bytes(16), b"\x10\x01\x40" + bytes(320), b"\x10\x01\x40", b"\x00\x00\x00", b"\x03\x00\x015"),
    *(b"\xff\x00\x011", b"\x18\xff\xfe", b"\x12\x00\x02ab", b"\x02", b"\x10\x00\x03", b"\x01\x00\x0f", b"\x16\x03\x01"),
)


@fuzzed
@given(data=audio_bytes, places=places)
def test_audio_frames_are_the_same_in_any_pieces(data: bytes, places: list[int]) -> None:
    same_in_pieces(audiosocket.FrameParser, data, places, lambda frame: (frame.kind, frame.payload))


@fuzzed
@given(data=audio_bytes, places=places, repeat=st.integers(1, 20))
def test_audio_keeps_no_more_than_one_frame(data: bytes, places: list[int], repeat: int) -> None:
    parser = audiosocket.FrameParser()

    def bounded(_: int) -> None:
        assert len(parser._rest) < 3 + 65_535

    for frame in read(parser, cut(data * repeat, places), bounded).found:
        assert audiosocket.encode(frame.kind, frame.payload)  # whatever came may be sent


@fuzzed
@given(kind=st.integers(0, 255), payload=st.binary(max_size=700))
def test_an_audio_frame_is_read_back_as_it_was_sent(kind: int, payload: bytes) -> None:
    try:
        wire = audiosocket.encode(kind, payload)
    except ValueError:
        with pytest.raises(ProtocolError):  # what may not be sent is not taken either
            audiosocket.FrameParser().feed(bytes((kind, *len(payload).to_bytes(2))) + payload)
        return
    assert audiosocket.FrameParser().feed(wire * 2) == [audiosocket.Frame(kind, payload)] * 2
