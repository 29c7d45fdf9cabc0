import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.agi import Hangup, Reply, ReplyParser, build_command, parse_request, quote
from contactd.protocols.errors import ProtocolError

HEADERS = [
    "agi_network: yes",
    "agi_network_script: ivr/main%20menu?token=a%2Bb&x=",
    "agi_request: agi://127.0.0.1:4573/ivr/main%20menu?token=a%2Bb&x=",
    "agi_channel: PJSIP/trunk-00000001",
    "agi_uniqueid: pbx1-1746173048.1",
    "agi_calleridname: Jörg: the one",
    "agi_network_script: evil",
    "agi_arg_1: first",
    "agi_arg_2: ",
    "agi_arg_3: third one",
]
USAGE = b"520-Invalid command syntax.  Proper usage follows:\nUsage: STREAM FILE\n200 result=1\n\nHANGUP\n"
STREAM = (
    b"200 result=1 (value)\n200 result=0 endpos=8000\n" + USAGE + b"520 End of proper usage.\n"
    b"510 Invalid or unknown command\n200 result=1 (two\nHANGUP\nlines)\nHANGUP\n"
    b"200 result=1 (hangup)\n100 Trying...\n"
)
ITEMS = [
    Reply(200, "1", "value"),
    Reply(200, "0", "", 8000),
    Reply(520, "", "Invalid command syntax.  Proper usage follows:\nUsage: STREAM FILE\n200 result=1\n\nHANGUP"),
    Reply(510, "", "Invalid or unknown command"),
    Reply(200, "1", "two\nHANGUP\nlines"),
    Hangup(),
    Reply(200, "1", "hangup"),
    Reply(100, "", "Trying..."),
]


def test_the_environment_gives_path_query_and_arguments() -> None:
    request = parse_request(HEADERS)
    assert request.path == "ivr/main menu"
    assert request.query == {"token": "a+b", "x": ""}
    assert request.args == ("first", "", "third one")
    assert request.env["agi_calleridname"] == "Jörg: the one"
    assert (request.channel, request.uniqueid) == ("PJSIP/trunk-00000001", "pbx1-1746173048.1")


def test_a_request_does_not_show_numbers_and_tokens() -> None:
    assert "Jörg" not in repr(parse_request(HEADERS))
    assert "token" not in repr(parse_request(HEADERS))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["GET / HTTP/1.1"],
        ["agi_network: yes"],
        ["agi_request: a" + "b" * 9_000],
        [f"agi_arg_{n}: x" for n in range(400)],
        ["agi_request: x", "agi_network_script: a?" + "&".join("x=1" for _ in range(100))],
    ],
)
def test_what_is_no_agi_request_is_refused(lines: list[str]) -> None:
    with pytest.raises(ProtocolError):
        parse_request(lines)


@given(st.lists(st.text(max_size=40)))
def test_garbage_headers_raise_nothing_but_a_protocol_error(lines: list[str]) -> None:
    for request in (lines, ["agi_request: x", *("agi_" + line for line in lines)]):
        try:
            parse_request(request)
        except ProtocolError:
            continue


def read_as_asterisk_does(line: bytes) -> list[str]:
    """res_agi.c's parse_args(), to check the quoting against."""
    words: list[str] = []
    quoted = escaped = False
    space = True
    for char in line.decode().removesuffix("\n"):
        if char == '"' and not escaped:
            quoted = not quoted
            if quoted and space:
                words.append("")
                space = False
        elif char in " \t" and not quoted and not escaped:
            space = True
        elif char == "\\" and not escaped:
            escaped = True
        else:
            if space:
                words.append("")
                space = False
            words[-1] += char
            escaped = False
    return words


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=100), max_size=5))
def test_asterisk_reads_exactly_the_words_that_were_given(words: list[str]) -> None:
    assert read_as_asterisk_does(build_command("SET VARIABLE", *words)) == ["SET", "VARIABLE", *words]


def test_plain_words_and_numbers_are_not_quoted() -> None:
    assert build_command("GET DATA", "en/please-hold", 5000, 4) == b"GET DATA en/please-hold 5000 4\n"
    assert build_command("STREAM FILE", "beep", "") == b'STREAM FILE beep ""\n'


@pytest.mark.parametrize("evil", ["a\nEXEC System rm", "a\rb", "a\0b", "\ud800"])
def test_command_injection_is_refused_without_repeating_the_value(evil: str) -> None:
    with pytest.raises(ValueError):
        build_command("SET VARIABLE", "PIN", "1234" + evil)
    with pytest.raises(ValueError):
        build_command(evil)
    with pytest.raises(ValueError) as caught:
        quote("1234\n")
    assert "1234" not in str(caught.value)


def test_commands_that_asterisk_would_cut_are_refused() -> None:
    with pytest.raises(ValueError, match="cuts"):
        build_command("SET VARIABLE", "A", "x" * 2_040)
    with pytest.raises(ValueError, match="words"):
        build_command("EXEC", *["a"] * 130)
    with pytest.raises(ValueError):
        build_command(5)


def test_replies_of_every_kind_are_told_apart() -> None:
    assert ReplyParser().feed(STREAM) == ITEMS


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM))))
def test_any_cut_of_the_bytes_gives_the_same_replies(cuts: list[int]) -> None:
    parser, found, begin = ReplyParser(), [], 0
    for end in [*sorted(cuts), len(STREAM)]:
        found += parser.feed(STREAM[begin:end])
        begin = end
    assert found == ITEMS


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"200 result= (timeout)", Reply(200, "", "timeout")),
        (b"200 result=1234 (timeout)", Reply(200, "1234", "timeout")),
        (b"200 result=-1 (hangup) endpos=160", Reply(200, "-1", "hangup", 160)),
        (b"200 result=1 (a) b) endpos=1)", Reply(200, "1", "a) b) endpos=1")),
        (b'200 result=1 (speech) endpos=7 results=1 text0="a (b)"', Reply(200, "1", "speech", 7)),
        (b"200 result=1 ()", Reply(200, "1", "")),
        (b"200 result=0 Gosub complete", Reply(200, "0", "Gosub complete")),
        (b"520 Invalid command syntax.  Proper usage not available.",) * 2,
        (b"511 Command Not Permitted on a dead channel or intercept routine",) * 2,
    ],
)
def test_shapes_of_replies(line: bytes, reply: Reply | bytes) -> None:
    expected = Reply(int(reply[:3]), "", reply[4:].decode()) if isinstance(reply, bytes) else reply
    assert ReplyParser().feed(line + b"\n") == [expected]


def test_a_reply_does_not_show_what_the_caller_typed() -> None:
    assert "1234" not in repr(Reply(200, "1234", "1234"))


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_a_protocol_error(data: bytes) -> None:
    try:
        ReplyParser(max_reply_bytes=100).feed(data + b"\n" + data)
    except ProtocolError as error:
        assert len(str(error)) > 20


@pytest.mark.parametrize("data", [b"x" * 200_000, b"200 result=1 (" + b"x\n" * 2_000, b"520-" + b"x" * 200_000])
def test_what_is_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        ReplyParser().feed(data)


def test_long_sessions_are_not_limited() -> None:
    parser = ReplyParser()
    assert sum(len(parser.feed(b"200 result=0\n")) for _ in range(50_000)) == 50_000
