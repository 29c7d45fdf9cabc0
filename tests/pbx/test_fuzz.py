"""Whatever an AMI says: an input or none, never an exception; and the input can be stepped, framed and kept.

Short in `make test`, long with CONTACTD_LONG=1.
"""

from __future__ import annotations

import math

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from contactd.core import inputs as inp
from contactd.core.ids import PbxId
from contactd.core.step import step
from contactd.engine.clock import Clock
from contactd.engine.frame import frame_of
from contactd.pbx.inventory import VARIABLES, calls_seen, handsets_seen
from contactd.pbx.translate import EVENTS, HANDSETS, contact_of, stamped, translate
from contactd.protocols.ami import END, Message, Parser
from tests.core.world import PBX, open_world
from tests.protocols.fuzz import fuzzed, hostile_text

NOW = 1_900_000_000.0
NAMES = (
    *("Event", "UserEvent", "Uniqueid", "Channel", "Queue", "Since", "Dnis", "Offer", "DialStatus", "Cause", "Result"),
    *("Device", "State", "Timestamp", "BridgeID", "Context", "Exten", "TransfereeUniqueid", "TransfereeChannel"),
    *("ChanVariable", "DestChanVariable", "TransfereeChanVariable", "Variable", "ChanVariable(PJSIP/1001-00000001)"),
)
CALLS = ("pbx1-1899999999.1", "pbx1-1899999999.2", "1899999999.3", "pbx1-²².1", "pbx1-", "-", ".", "9" * 12 + ".1", "x")
VALUES = (
    *EVENTS, *HANDSETS, *CALLS,
    *("ContactdHeld", "ContactdFellBack", "ContactdOfferEnd", "ANSWER", "BUSY", "Success", "sales", "support", "5001"),
    *("²", "٣", "-1", "1e400", "nan", "inf", "-inf", "0x10", "9" * 5_000, "1_000", "", "1900000000.5", "1-1", "1-2"),
    *("PJSIP/1001", "PJSIP/1001-0000002a", "PJSIP/", "/", "contactd-offer", "contactd-hold", "1001*1*5*20", "b1"),
    *(f"{name}={value}" for name in VARIABLES for value in ("", "sales", "=", "nan", "1-1", *CALLS)),
)  # fmt: skip

header = st.tuples(st.one_of(st.sampled_from(NAMES), hostile_text), st.one_of(st.sampled_from(VALUES), hostile_text))
# An event's kind and its caller first, so that most of them mean something.
event = st.builds(
    lambda kind, what, call, pairs: [
        ("Event", kind), ("UserEvent", what), ("Uniqueid", call), ("ChanVariable", f"CONTACTD_CALL={call}"), *pairs,
    ],
    st.sampled_from(sorted(EVENTS)), st.sampled_from(("ContactdHeld", "ContactdFellBack", "ContactdOfferEnd")),
    st.sampled_from(CALLS), st.lists(header, max_size=12),
)  # fmt: skip


# A channel in a list, mostly of a caller of ours.
status = st.builds(
    lambda call, pairs: [("Uniqueid", call), ("Variable", f"CONTACTD_CALL={call}"), *pairs],
    st.sampled_from(CALLS),
    st.lists(header, max_size=10),
)


def as_read(pairs: list[tuple[str, str]]) -> Message | None:
    """The message that the parser makes of these headers, as bytes on the wire."""
    lines = "\r\n".join(f"{name}: {value}" for name, value in pairs)
    found = Parser(expect_banner=False).feed(lines.encode("utf-8", "surrogatepass") + END)
    return found[0] if found else None


def kept(input_: inp.Input, at: float) -> None:
    """The step that comes of it is whole, and its frame can be written."""
    world = open_world()
    made = step(world.floor, input_, at)
    assert made.bug is None, made.bug
    if made.events:
        frame = frame_of(1, [made], [], b"")
        assert frame is not None
        for row in (*frame.rows().inputs, *frame.rows().events):
            assert "\0" not in row.body and "\\u0000" not in row.body


@fuzzed
@given(st.one_of(event, st.lists(header, max_size=15)))
@example([("Event", "Hangup"), ("Uniqueid", "pbx1-²².1"), ("ChanVariable", "CONTACTD_CALL=pbx1-²².1"), ("Cause", "²")])
def test_any_event_is_an_input_or_none(pairs: list[tuple[str, str]]) -> None:
    message = as_read(pairs)
    if message is None:
        return
    contact_of(PBX, message, NOW)
    at = Clock().happened(stamped(message))
    assert math.isfinite(at)
    input_ = translate(PBX, message, NOW)
    if input_ is not None:
        assert msgspec.json.decode(msgspec.json.encode(input_), type=inp.AnyInput) == input_
        kept(input_, NOW)


@fuzzed
@given(
    st.lists(st.one_of(status, st.lists(header, max_size=12)), max_size=6),
    st.lists(st.lists(header, max_size=4), max_size=6),
)
def test_any_inventory_is_a_comparison(
    statuses: list[list[tuple[str, str]]], states: list[list[tuple[str, str]]]
) -> None:
    def lines(listed: list[list[tuple[str, str]]], kind: str) -> list[Message]:
        return [message for pairs in listed if (message := as_read([("Event", kind), *pairs])) is not None]

    calls = calls_seen(PBX, lines(statuses, "Status"), NOW)
    handsets = handsets_seen(lines(states, "DeviceStateChange"))
    assert all(call.queued_at is None or 0 < call.queued_at <= NOW for call in calls)
    kept(inp.PbxCompared(pbx=PbxId(PBX), asked_at=NOW, booted_at=0.0, calls=calls, handsets=handsets), NOW)
