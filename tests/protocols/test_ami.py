import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.protocols.ami import Message, Parser, chan_variables, encode
from contactd.protocols.errors import ProtocolError

BANNER = b"Asterisk Call Manager/9.0.0\r\n"
LOGIN = b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
DIAL_END = (
    "Event: DialEnd\r\nPrivilege: call,all\r\nChannel: PJSIP/trunk-00000001\r\n"
    "CallerIDName: Jörg Ünïcode 日本\r\n"
    "AccountCode: \r\nExten: a17\r\nUniqueid: pbx1-1746173048.1\r\nChanVariable: CONTACT_ID=018f\r\n"
    "ChanVariable: OFFER_ID=\r\nDestChannel: PJSIP/a17-00000002\r\nDestChanVariable: CONTACT_ID=018e\r\n"
    "DestChanVariable: OFFER_ID=018f-a17=x\r\nDialStatus: ANSWER\r\n\r\n"
).encode()
HANGUP = b"Event: Hangup\r\nChannel: PJSIP/trunk-00000001\r\nCause: 16\r\n\r\n"
STREAM = BANNER + LOGIN + DIAL_END + b"\r\n" + HANGUP


def plain(messages: list[Message]) -> list[dict[str, list[str]]]:
    return [{name: message.all(name) for name in message} for message in messages]


def parse(data: bytes, **options: object) -> list[Message]:
    return Parser(expect_banner=False, **options).feed(data)  # type: ignore[arg-type]


def test_a_session_is_read_as_banner_response_and_events() -> None:
    parser = Parser()
    login, dial_end, hangup = parser.feed(STREAM)
    assert parser.banner == "Asterisk Call Manager/9.0.0"
    assert (login.response, login.event, login.action_id) == ("Success", None, "1")
    assert (dial_end.event, dial_end["callerIDname"]) == ("DialEnd", "Jörg Ünïcode 日本")
    assert hangup.get("CAUSE") == "16"


def test_names_are_case_insensitive_and_absent_ones_have_a_default() -> None:
    (message,) = parse(DIAL_END)
    assert "dialSTATUS" in message
    assert message["DIALSTATUS"] == "ANSWER"
    assert message.get("AccountCode") == ""
    assert message.get("Nothing") is None
    assert message.get("Nothing", "?") == "?"
    assert message.all("Nothing") == []
    with pytest.raises(KeyError):
        message["Nothing"]


def test_of_a_repeated_header_the_first_value_counts_and_all_are_kept() -> None:
    (message,) = parse(b"Event: UserEvent\r\nUserEvent: OfferEnd\r\nEvent: Hangup\r\n\r\n")
    assert message.event == "UserEvent"
    assert message.all("Event") == ["UserEvent", "Hangup"]


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM))))
def test_any_cut_of_the_bytes_gives_the_same_messages(cuts: list[int]) -> None:
    parser, found, begin = Parser(), [], 0
    for end in [*sorted(cuts), len(STREAM)]:
        found += parser.feed(STREAM[begin:end])
        begin = end
    assert plain(found) == plain(Parser().feed(STREAM))


def test_a_letter_cut_in_two_by_the_network_stays_whole() -> None:
    parser, found = Parser(), []
    for byte in STREAM:
        found += parser.feed(bytes([byte]))
    assert found[1]["CallerIDName"] == "Jörg Ünïcode 日本"


@given(st.binary(max_size=400), st.booleans())
def test_garbage_raises_nothing_but_a_protocol_error(data: bytes, banner: bool) -> None:
    parser = Parser(max_line_chars=40, max_headers=5, max_message_bytes=100)
    try:
        parser.feed((BANNER if banner else b"") + data)
        parser.feed(b"\r\n\r\n" + data)
    except ProtocolError as error:
        assert len(str(error)) > 20


@given(st.lists(st.sampled_from([b"Event: ", b"Response: ", b"A", b"\r\n", b"\r", b"\n", b": ", b"\r\n\r\n", b"\0"])))
def test_what_looks_like_ami_is_read_the_same_in_pieces(pieces: list[bytes]) -> None:
    whole, parts = Parser(expect_banner=False), Parser(expect_banner=False)
    found = [message for piece in pieces for message in parts.feed(piece)]
    assert plain(found) == plain(whole.feed(b"".join(pieces)))


def test_nul_is_removed_and_what_is_no_utf8_is_marked() -> None:
    (message,) = parse(b"Event: A\r\nName: a\0b\xff\xed\xa0\x80\r\n\r\n")
    assert message["Name"].startswith("ab�")
    message["Name"].encode()  # no lone surrogate is left


def test_only_cr_lf_ends_a_line() -> None:
    (message,) = parse("Event: A\r\nText: one\x0b\x85\u2028two\nthree: 3\r\n\r\n".encode())
    assert message["Text"] == "one\x0b\x85\u2028two\nthree: 3"


def test_a_block_that_is_neither_event_nor_response_is_skipped() -> None:
    assert [m.event for m in parse(b"Report0Jitter: 1\r\n\r\n" + HANGUP)] == ["Hangup"]


def test_a_peer_that_is_no_asterisk_is_told_apart_at_its_first_bytes() -> None:
    with pytest.raises(ProtocolError, match=r"manager\.conf"):
        Parser().feed(b"SSH-2.0")
    with pytest.raises(ProtocolError):
        Parser().feed(b"Asterisk Call Manager/" + b"9" * 300)


@pytest.mark.parametrize(
    "data",
    [
        b"Event: A\r\nText: " + b"x" * 70_000 + b"\r\n\r\n",
        b"Event: A\r\n" + b"A: b\r\n" * 5_000 + b"\r\n",
        b"x" * 1_100_000,
        b"x" * 1_100_000 + b"\r\n\r\n",
    ],
    ids=["line", "headers", "endless", "message"],
)
def test_what_is_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(data)


def test_unwanted_events_are_skipped_unless_they_answer_a_list() -> None:
    parser = Parser({"Hangup"}, expect_banner=False)
    listed = b"Event: Status\r\nActionID: list/1\r\nChannel: a\r\n\r\n"
    late = b"Privilege: call\r\nEvent: Status\r\n\r\n"
    assert [m.event for m in parser.feed(LOGIN + DIAL_END + listed + late + HANGUP)] == [
        None,
        "Status",
        "Hangup",
    ]
    assert parser.skipped == 2


def test_channel_variables_of_both_sides_and_of_one() -> None:
    (message,) = parse(DIAL_END)
    assert chan_variables(message) == {"CONTACT_ID": "018f", "OFFER_ID": "018f-a17=x"}
    assert chan_variables(message, "") == {"CONTACT_ID": "018f", "OFFER_ID": ""}
    assert chan_variables(message, "Dest") == {"CONTACT_ID": "018e", "OFFER_ID": "018f-a17=x"}
    (old,) = parse(b"Event: A\r\nChanVariable(PJSIP/a-1): A=b\r\nChanVariable(PJSIP/a-1): C=d,e\r\n\r\n")
    assert chan_variables(old) == {"A": "b", "C": "d,e"}


def test_an_action_is_encoded_with_repeated_headers() -> None:
    assert encode({"Action": "Originate", "Variable": ["A=ä", "B=2"], "Data": ""}) == (
        "Action: Originate\r\nVariable: A=ä\r\nVariable: B=2\r\nData: \r\n\r\n".encode()
    )


@pytest.mark.parametrize("evil", ["a\r\nAction: Command", "a\nb", "a\rb", "a\0b", "\ud800"])
def test_header_injection_is_refused_without_repeating_the_value(evil: str) -> None:
    for action in ({"Action": "Setvar", "Value": evil}, {"Action": "Setvar", "Value": ["x", evil]}):
        with pytest.raises(ValueError):
            encode(action)
    with pytest.raises(ValueError):
        encode({"Action": "Setvar", "Value" + evil: "x"})
    with pytest.raises(ValueError, match="Secret") as caught:
        encode({"Action": "Login", "Secret": "hush\r\n"})
    assert "hush" not in str(caught.value)


def test_what_asterisk_would_cut_silently_is_refused() -> None:
    assert len(encode({"Action": "A", "Data": "x" * 1016})) == 1037
    with pytest.raises(ValueError, match="1022"):
        encode({"Action": "A", "Data": "x" * 1017})
    with pytest.raises(ValueError, match="128"):
        encode({"Action": "A", "Variable": ["x=1"] * 128})
    with pytest.raises(ValueError, match="needs the header Action"):
        encode({"Data": "x"})


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=200))
def test_what_is_encoded_is_read_back(value: str) -> None:
    (message,) = parse(b"Event: A\r\n" + encode({"Action": "A", "Value": value}))
    assert message["Value"] == value


def test_messages_do_not_show_their_values() -> None:
    assert "trunk" not in repr(parse(DIAL_END)[0])


def test_ten_times_as_many_messages_take_about_ten_times_as_long() -> None:
    few, many = (min(_seconds(DIAL_END * count) for _ in range(5)) for count in (500, 5_000))
    print(f"AMI: {5_000 / many:,.0f} messages/s of {len(DIAL_END)} bytes")
    assert many < 30 * few


def _seconds(data: bytes) -> float:
    """Of this thread's processor time."""
    parser, begin = Parser(expect_banner=False), time.thread_time()
    for at in range(0, len(data), 65_536):
        parser.feed(data[at : at + 65_536])
    return time.thread_time() - begin
