"""Random walks over the floor: nothing that is sent breaks it, and what was journaled makes the same floor again."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.floor import Floor, LiveFloor
from contactd.core.step import step
from tests.core.announcements import check_announcements
from tests.core.chaos import Chaos, Desks, Hostile
from tests.core.dial_outs import DialOuts
from tests.core.diversions import check_diversions
from tests.core.invariants import (
    Lives,
    Places,
    Staffing,
    check_capacity,
    check_floor,
    check_offers,
    frozen,
    restarted,
    turns_of,
)
from tests.core.listeners import Listeners
from tests.core.moves import check_moves
from tests.core.pressed import check_keys
from tests.core.promises import Promises

LONG = os.environ.get("CONTACTD_LONG") == "1"
SEEDS, STEPS = (400, 3000) if LONG else (12, 400)

_json = msgspec.json.encode
_event = msgspec.json.Decoder(ev.AnyEvent).decode
_input = msgspec.json.Decoder(inp.AnyInput).decode


class Walk:
    """The live floor, and two that must always equal it: rebuilt from events, and replayed from inputs."""

    def __init__(
        self,
        dice: random.Random,
        chaos: type[Chaos] = Chaos,
        *,
        also: Callable[[LiveFloor], None] = lambda _: None,
    ) -> None:
        self.dice = dice
        self.live, self.rebuilt, self.replayed = (LiveFloor(Floor(epoch=1)) for _ in range(3))
        self.chaos = chaos(dice, self.live)
        self.also = also
        self.lives = Lives()
        self.places = Places()
        self.listeners = Listeners()
        self.staffing = Staffing()
        self.dial_outs = DialOuts()
        self.promises = Promises()
        self.kinds: set[str] = set()

    def go(self, steps: int) -> None:
        for number in range(steps):
            self.take_one()
            if self.dice.random() < 0.02:
                # A restart from a snapshot, between any two steps.
                self.rebuilt = restarted(self.rebuilt)
                self.replayed = restarted(self.replayed)
            if number % 7 == 0:
                assert frozen(self.rebuilt) == frozen(self.live)
                assert frozen(self.replayed) == frozen(self.live)
                check_floor(self.rebuilt)
        assert frozen(self.rebuilt) == frozen(self.replayed) == frozen(self.live)

    def take_one(self) -> None:
        input_, at = self.chaos.next()
        seq, before, turns = self.live.seq, frozen(self.live), turns_of(self.live)
        known = self.places.before(self.live)
        made = step(self.live, input_, at)
        assert made.bug is None, f"{made.bug} after {input_}"
        assert made.first_seq == seq + 1
        assert self.live.seq == seq + len(made.events)
        self.kinds |= {type(event).__name__ for event in made.events}
        check_floor(self.live)
        self.also(self.live)
        check_offers(self.live, made, turns)
        check_diversions(before, made)
        check_announcements(before, made, self.live)
        check_keys(before, made, self.live)
        check_moves(made, self.live)
        self.lives.follow(made)
        self.places.follow(made, known, self.live)
        self.listeners.follow(made, self.live)
        self.staffing.follow(made, self.live)
        self.dial_outs.follow(made, self.live)
        self.promises.follow(made, self.live)
        if not made.events:
            assert frozen(self.live) == before
            return
        self.kinds.add(type(input_).__name__)
        for event in made.events:
            self.rebuilt.apply(_event(_json(event)), at)
        again = step(self.replayed, _input(_json(input_)), at)
        assert (again.events, again.commands, again.first_seq) == (made.events, made.commands, made.first_seq)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_is_sent_the_floor_stays_whole_and_is_made_again_from_its_journal(seed: int) -> None:
    Walk(random.Random(seed)).go(STEPS)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_pbx_that_lies_in_every_field_breaks_no_step(seed: int) -> None:
    Walk(random.Random(1000 + seed), Hostile).go(STEPS)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nobody_gets_more_than_they_can_do_at_once(seed: int) -> None:
    Walk(random.Random(2000 + seed), Desks, also=check_capacity).go(STEPS)


@settings(
    max_examples=1000 if LONG else 25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.randoms(use_true_random=False), st.integers(1, 80))
def test_the_same_where_a_failure_is_made_small(dice: random.Random, steps: int) -> None:
    Walk(dice).go(steps)


def test_the_walk_meets_every_kind_of_input_and_event() -> None:
    missing = {kind.__name__ for kind in (*inp.AnyInput.__args__, *ev.AnyEvent.__args__)}
    given = 0
    for seed in range(4711, 4721):
        for chaos, steps in ((Chaos, 1500), (Desks, 500)):
            walk = Walk(random.Random(seed), chaos)
            walk.go(steps)
            missing -= walk.kinds
            given += walk.places.given
        if len(missing) == 3 and given:
            break
    # The one is the store's. The others ask the PBX, and are no facts before that has done it.
    assert missing == {"FactQuarantined", "RecordingPauseAsked", "ListeningTurnAsked"} and given


def test_every_kind_has_its_decision_and_its_effect() -> None:
    from contactd.core.changes import CHANGES
    from contactd.core.decide import _DECIDE

    assert set(_DECIDE) == set(inp.AnyInput.__args__) == set(inp.Input.__subclasses__())
    assert set(CHANGES) == set(ev.AnyEvent.__args__) == set(ev.Event.__subclasses__())


def test_a_kind_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(msgspec.ValidationError, match="CallVanished"):
        _input(b'{"kind":"CallVanished"}')
    lost = ev.FactQuarantined(file="f", sha256="0" * 64, first_seq=3, last_seq=9, why="?")
    assert _event(_json(lost)) == lost
