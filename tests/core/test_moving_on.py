"""Transfers begun by contactd: who may be moved, and what follows when the PBX has done it."""

from __future__ import annotations

import pytest

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import AgentState, By
from contactd.core.commands import MoveToQueue
from contactd.core.contact import ContactState
from contactd.core.ids import ContactId, QueueId
from contactd.core.text import Carrier, FoundBy
from contactd.core.transfers import NoTransfer, why_no_transfer
from tests.core.world import ANNA, PBX, SALES, SUPPORT, World, open_world


def talking() -> tuple[World, inp.CallArrived]:
    world = open_world()
    world.sign_in(ANNA)
    call = world.arrive(SALES)
    world.answer(call)
    return world, call


def refused(world: World, call: inp.CallArrived, queue: str = SUPPORT) -> NoTransfer | None:
    """The same by the question and by the input."""
    why = why_no_transfer(world.floor, call.contact, QueueId(queue))
    made = world.put(inp.TransferAsked(contact=call.contact, queue=QueueId(queue), by=By.SUPERVISOR))
    assert bool(made.commands) is bool(made.events) is (why is None)
    return why


def test_the_agent_is_out_of_it_and_the_caller_waits_anew_once_the_pbx_has_done_it() -> None:
    world, call = talking()
    since = world.contact(call).queued_at
    made = world.wait(30).put(inp.TransferAsked(contact=call.contact, queue=SUPPORT, by=By.SUPERVISOR))
    assert made.events == [ev.TransferBegun(contact=call.contact, agent=ANNA, queue=SUPPORT, by="supervisor")]
    assert made.commands == [MoveToQueue(pbx=PBX, contact=call.contact, channel=call.channel, queue=SUPPORT)]
    assert world.contact(call).state is ContactState.CONNECTED and world.agent(ANNA).state is AgentState.BUSY
    world.wait(0.1).hold(call, SUPPORT, since=world.now)
    ended = world.facts(ev.TalkEnded)[-1]
    assert isinstance(ended, ev.TalkEnded) and (ended.agent, ended.by) == (ANNA, "transfer")
    contact = world.contact(call)
    assert (contact.state, contact.queue) == (ContactState.WAITING, SUPPORT)
    assert contact.queued_at is not None and since is not None and contact.queued_at > since + 29
    assert world.agent(ANNA).state is AgentState.WRAP_UP


def test_nobody_is_moved_who_has_no_agent() -> None:
    world = open_world()
    call = world.arrive(SALES)
    assert refused(world, call) is NoTransfer.NOT_TALKING
    world.sign_in(ANNA)
    assert world.contact(call).state is ContactState.OFFERED and refused(world, call) is NoTransfer.NOT_TALKING
    world.answer(call)
    assert refused(world, call) is None
    world.agent_hangs_up(call)
    assert refused(world, call) is NoTransfer.NOT_TALKING
    world.hang_up(call)
    assert refused(world, call) is NoTransfer.UNKNOWN_CONTACT
    assert why_no_transfer(world.floor, ContactId("?"), SALES) is NoTransfer.UNKNOWN_CONTACT


@pytest.mark.parametrize("queue", ["nowhere", ""])
def test_nobody_is_moved_to_a_queue_that_there_is_not(queue: str) -> None:
    world, call = talking()
    assert refused(world, call, queue) is NoTransfer.UNKNOWN_QUEUE


def test_nobody_is_moved_while_the_pbx_is_away() -> None:
    world, call = talking()
    world.put(inp.PbxAbsent(pbx=PBX, why="?"))
    assert refused(world, call) is NoTransfer.NOT_STEERED


def test_a_customer_who_was_called_back_is_not_moved() -> None:
    world, call = talking()
    world.contact(call).call += ".cb1.7"
    assert refused(world, call) is NoTransfer.CALLED_BACK


def test_a_text_telephone_is_not_moved() -> None:
    world, call = talking()
    world.put(inp.TextFound(contact=call.contact, carrier=Carrier.TTY, found_by=FoundBy.NUMBER))
    assert refused(world, call) is NoTransfer.TEXT
