"""Whoever was cut off at a question goes on there as if nothing had been; whatever is pressed, a flow ends."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from contactd.core.ids import QueueId
from contactd.core.ivr.expressions import Value
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.nodes import Branch, Case, Collect, HangUp, Menu, Node, Queue, Return, Say, Set, Subflow
from contactd.core.ivr.run import Listen, Over, Place, Run, ToQueue, stands
from tests.core.ivr.test_run import made

MAIN: dict[str, Node] = {
    "hello": Say(prompt=("hello",), next="choose"),
    "choose": Menu(prompt=("p",), keys={"1": "account", "2": "sub", "9": "hello"}, otherwise="line"),
    "account": Collect(prompt=("q",), into="account", least=2, most=4, next="sub", otherwise="line"),
    "sub": Subflow(flow="other", next="look"),
    "look": Branch(cases=(Case(when='sure and account != "99"', go="bye"),), otherwise="line"),
    "line": Queue(queue=QueueId("sales")),
    "bye": HangUp(),
}
OTHER: dict[str, Node] = {
    "sum": Collect(prompt=("s",), what="amount", into="sum", next="sure", otherwise="back"),
    "sure": Collect(prompt=("t",), what="yes_no", into="sure", next="set", otherwise="sum_again"),
    "sum_again": Menu(prompt=("u",), keys={"1": "sum"}, otherwise="back", tries=1),
    "set": Set(values={"more": "sum + 1"}, next="back"),
    "back": Return(),
}
KEYS = "0123456789*#"


def flows() -> dict[str, Flow]:
    return made(main=MAIN, other=OTHER)


def walk(run: Run, press: Callable[[Listen], str]) -> object:
    """To its end; press: what the caller does at each wait for a key."""
    steps = run.steps()
    try:
        step = next(steps)
        while True:
            step = steps.send(press(step) if isinstance(step, Listen) else "")
    except StopIteration as stopped:
        return stopped.value


class Cut(Exception):
    pass


@pytest.mark.parametrize("seed", range(300))
def test_who_goes_on_at_a_question_comes_to_the_same_end(seed: int) -> None:
    """Cut off before the first key of every question of the way, one after the other."""
    some = flows()
    dice = random.Random(seed)
    answers = [dice.choice(["", *KEYS, "1", "1", "2"]) for _ in range(400)]
    whole = Run(some, some["main"], {})
    given = iter(answers)
    end = walk(whole, lambda _: next(given, ""))
    questions = 0

    def press(listen: Listen) -> str:
        nonlocal questions
        node = some[run.visits[-1].flow].nodes[run.visits[-1].node]
        if listen.first and isinstance(node, Menu | Collect) and (id(run), len(run.visits)) not in cut:
            cut.add((id(run), len(run.visits)))
            questions += 1
            raise Cut
        return next(again, "")

    again, cut, runs = iter(answers), set[tuple[int, int]](), []
    run = Run(some, some["main"], {})
    while True:
        runs.append(run)
        try:
            came = walk(run, press)
            break
        except Cut:
            place, known = run.place(), dict(run.variables)
            assert stands(place, known, some["main"], some)
            run = Run(some, some["main"], {}, known, begin=place)
            cut.add((id(run), 1))
    assert (came, run.variables) == (end, whole.variables)
    assert questions or not any(isinstance(some[v.flow].nodes[v.node], Menu | Collect) for v in whole.visits)


def test_nobody_goes_on_where_the_flow_is_another_by_now() -> None:
    some = flows()
    known: Mapping[str, Value] = {"account": "1", "sum": Decimal(2), "sure": True, "language": "es"}
    inside = Place("other", "sure", (("main", "look"),))
    assert stands(inside, known, some["main"], some)
    for place in (
        Place("other", "gone", (("main", "look"),)),
        Place("gone", "sure", (("main", "look"),)),
        Place("other", "sure", (("main", "gone"),)),
        Place("other", "sure"),  # a line leads elsewhere by now
        Place("main", "hello"),  # no question
    ):
        assert not stands(place, known, some["main"], some)
    assert not stands(inside, {"account": 1}, some["main"], some)
    assert not stands(inside, {"stranger": "1"}, some["main"], some)


def test_ten_thousand_callers_who_press_anything_come_to_an_end_each() -> None:
    some = flows()
    dice = random.Random(7)
    for _ in range(10_000):
        run = Run(some, some["main"], {})
        left = dice.randrange(1, 60)

        def press(_: Listen) -> str:
            nonlocal left
            left -= 1
            return dice.choice(KEYS) if left > 0 and dice.random() < 0.8 else ""

        assert isinstance(walk(run, press), Over | ToQueue)
