"""contactd's floor beside a model PBX, through lost links, deaths and reboots: nobody is forgotten, nobody invented."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contactd.core import inputs as inp
from contactd.core.agent import AgentState
from contactd.core.contact import ContactState, Outcome
from contactd.core.inputs import Place
from tests.core.pbx_model import PLAN, Model

LONG = os.environ.get("CONTACTD_LONG") == "1"
SEEDS, MOVES = (300, 3000) if LONG else (10, 400)


def agrees(model: Model) -> None:
    """With a link and a comparison behind it, the floor knows who is there, and where."""
    assert set(model.floor.contacts) == set(model.callers)
    for caller in model.callers.values():
        contact = model.floor.contacts[caller.call.contact]
        agent = model.floor.agents.get(contact.agent) if contact.agent else None
        match caller.place:
            case Place.HOLD:
                # Not held: its last redirect was refused, and the next comparison says that it is.
                assert contact.state is ContactState.WAITING, (contact, caller)
                assert contact.queued_at == caller.since
                assert caller.queue is None or caller.queue in (contact.queue, *contact.passed), (contact, caller)
            case Place.OFFER:
                assert (contact.state, contact.offer) == (ContactState.OFFERED, caller.offer)
            case Place.TALK:
                assert contact.state is ContactState.CONNECTED
            case Place.DIVERTED:
                assert (contact.state, contact.diversion) == (ContactState.DIVERTED, caller.diversion)
            case Place.MENU:
                assert contact.state is ContactState.MENU
            case _:
                pass
        if agent is not None:
            rung = {model.floor.agents[leg].profile.endpoint for leg in contact.legs or (agent.id,)}
            # Who failed unseen is thought to ring until the offer is over.
            assert rung >= ({caller.endpoint} if caller.place is Place.TALK else set(caller.legs))
    busy = {c.endpoint for c in model.callers.values() if c.place is Place.TALK}
    for agent in model.floor.agents.values():
        assert (agent.state is AgentState.BUSY) == (agent.profile.endpoint in busy)


def a_day(dice: random.Random, moves: int) -> Model:
    model = Model(dice)
    model.tell(inp.ConfigurationLoaded(plan=PLAN))
    model.link_up()
    for _ in range(moves):
        model.move()
        # Nobody who is still there was given up.
        assert not set(model.lives.outcomes) & set(model.callers)
        if model.linked:
            agrees(model)
    if not model.linked:
        model.link_up()
    model.compare()
    agrees(model)
    for caller in list(model.callers.values()):
        model.gone(caller)
    assert model.floor.contacts == {}
    return model


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nobody_is_forgotten_and_nobody_invented(seed: int) -> None:
    model = a_day(random.Random(seed), MOVES)
    assert all(times == 1 for times in model.lives.arrived.values())
    assert set(model.lives.outcomes) == set(model.lives.arrived)


@settings(max_examples=500 if LONG else 20, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_the_same_where_a_failure_is_made_small(dice: random.Random, moves: int) -> None:
    a_day(dice, moves)


def test_a_reboot_of_the_pbx_is_told_from_a_hang_up_that_nobody_saw() -> None:
    model = Model(random.Random(1))
    model.tell(inp.ConfigurationLoaded(plan=PLAN))
    model.link_up()
    model.arrive()
    lost = next(iter(model.callers))
    model.reboot()
    model.now += 10
    model.link_up()
    assert model.lives.outcomes[lost].outcome is Outcome.PBX_LOST
    model.arrive()
    missed = next(iter(model.callers))
    model.link_down()
    model.gone(model.callers[missed])
    model.now += 10
    model.link_up()
    assert model.lives.outcomes[missed].outcome is Outcome.ABANDONED_IN_MENU
