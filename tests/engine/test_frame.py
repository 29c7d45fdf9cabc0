"""Frames: whole or not there, on any cut and for any broken byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contactd.engine.frame import OVERHEAD, frame_of, frames_in
from contactd.engine.inbox import Private
from tests.core.world import open_world
from tests.engine.journal import CONFIG, frame, frames


def test_a_frame_carries_its_inputs_and_events_with_their_numbers() -> None:
    world = open_world()
    call = world.arrive()
    made = frame_of(7, [world.steps[-1]], [Private(call.contact, "+4912345", "Mara")], CONFIG)
    assert made is not None
    rows = made.rows()
    assert (made.epoch, made.first_seq, made.last_seq) == (7, world.floor.seq, world.floor.seq)
    assert [(i.seq, i.kind, i.config) for i in rows.inputs] == [(world.floor.seq, "CallArrived", CONFIG)]
    assert [(e.seq, e.kind, e.contact) for e in rows.events] == [(world.floor.seq, "ContactArrived", call.contact)]
    assert [(p.contact, p.ani, p.name, len(p.salt)) for p in rows.private] == [(call.contact, "+4912345", "Mara", 16)]
    assert b"12345" not in rows.events[0].body.encode() + rows.inputs[0].body.encode()


def test_steps_that_changed_nothing_are_in_no_frame() -> None:
    world = open_world()
    call = world.arrive()
    quiet = world.put(call)
    assert frame_of(1, [quiet], [], CONFIG) is None
    loud = world.hang_up(call)
    made = frame_of(1, [quiet, loud, quiet], [], CONFIG)
    assert made is not None and len(made.rows().inputs) == 1


def test_frames_come_back_as_they_went() -> None:
    written = frames(3)
    assert list(frames_in(b"".join(f.encoded for f in written) + bytes(5000))) == written


def test_a_tail_torn_at_any_byte_costs_the_torn_frame_and_no_other() -> None:
    first, second = frames(1)[-2:]
    data = first.encoded + second.encoded
    for cut in range(len(data)):
        whole = [first] if cut >= len(first.encoded) else []
        assert list(frames_in(data[:cut])) == whole
        # A preallocated file has zeros where the rest would be.
        assert list(frames_in(data[:cut] + bytes(len(data) - cut + 100))) in (whole, [first, second][: len(whole) + 1])
    assert list(frames_in(data)) == [first, second]


def test_zeros_after_a_torn_tail_are_never_a_frame() -> None:
    first = frames(1)[-1]
    for cut in range(len(first.encoded)):
        padded = first.encoded[:cut] + bytes(len(first.encoded) - cut + 64)
        assert list(frames_in(padded)) == ([first] if padded.startswith(first.encoded) else [])


def test_a_broken_byte_anywhere_is_noticed() -> None:
    first, second = frames(1)[-2:]
    data = first.encoded + second.encoded
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 0x20
        assert list(frames_in(bytes(broken))) == ([] if place < len(first.encoded) else [first])


@given(st.binary(max_size=200))
def test_garbage_is_no_frame(data: bytes) -> None:
    assert list(frames_in(data)) == []
    assert list(frames_in(b"CTD1" + data)) == []


def test_the_overhead_is_what_is_before_the_body() -> None:
    made = frame(open_world().steps[0])
    assert made.encoded[:4] == b"CTD1"
    assert len(made.encoded) > OVERHEAD
