"""A caller's way through a flow, key by key, and what a check of the flow finds before any caller does."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contactd.core.ids import QueueId
from contactd.core.ivr.check import called_in_circles, check_flow, missing_sounds
from contactd.core.ivr.expressions import Value
from contactd.core.ivr.flow import Flow, fact_kinds, make_flow, variables_of
from contactd.core.ivr.nodes import (
    Branch,
    Case,
    Collect,
    HangUp,
    Menu,
    Node,
    Queue,
    Return,
    Say,
    Set,
    Speak,
    Subflow,
)
from contactd.core.ivr.rehearsal import Rehearsed, rehearse
from contactd.core.ivr.run import MOST_NODES, Over, Play, Run, ToQueue, understood

SALES, SUPPORT = QueueId("sales"), QueueId("support")
FACTS = fact_kinds([SALES, SUPPORT], ["office"])
BYE = HangUp()


def made(**flows: Mapping[str, Node]) -> dict[str, Flow]:
    """Each begins at its first node."""
    variables = variables_of(flows, FACTS)
    found: dict[str, Flow] = {}
    for flow_id, nodes in flows.items():
        found[flow_id], troubles = make_flow(flow_id, next(iter(nodes)), nodes, variables=variables, facts=FACTS)
        assert not troubles
    return found


def tried(flows: dict[str, Flow], *caller: str, facts: Mapping[str, Value] | None = None) -> Rehearsed:
    return rehearse(flows["main"], flows, caller, facts or {})


def menu(**changes: object) -> Menu:
    values = {
        "prompt": ("choose",),
        "nothing": ("nobody",),
        "wrong": ("no-such",),
        "keys": {"1": "sales", "2": "support"},
        "otherwise": "support",
    }
    return Menu(**{**values, **changes})  # type: ignore[arg-type]


MAIN: dict[str, Node] = {
    "welcome": Say(prompt=("hello",), next="choose"),
    "choose": menu(),
    "sales": Queue(queue=SALES, skills={}, boost_s=30),
    "support": Queue(queue=SUPPORT),
}


def test_a_key_chooses_where_the_caller_waits() -> None:
    came = tried(made(main=MAIN), "1")
    assert (came.ends, came.heard, came.path) == ("queue sales", ("hello", "choose"), ("welcome", "choose", "sales"))


def test_a_flow_ends_with_a_callback_in_a_queue() -> None:
    assert tried(made(main={"welcome": Queue(queue=SALES, callback=True)})).ends == "callback sales"


def test_who_presses_nothing_or_something_else_is_told_so_and_asked_again_and_then_helped_all_the_same() -> None:
    came = tried(made(main=MAIN), "nothing", "9", "nothing")
    assert came.heard == ("hello", "choose", "nobody", "choose", "no-such", "choose")
    assert came.ends == "queue support"


def test_who_hangs_up_is_followed_to_the_question_where_they_did() -> None:
    came = tried(made(main=MAIN), "nothing", "hang up")
    assert (came.ends, came.path[-1]) == ("caller hung up", "choose")


def test_a_key_pressed_ahead_cuts_short_what_is_said_and_answers_the_next_question() -> None:
    flows = made(main={**MAIN, "welcome": Say(prompt=("hello", "long", "longer"), next="choose")})
    run = Run(flows, flows["main"], {})
    steps = run.steps()
    assert next(steps) == Play("hello", keys=True)
    with pytest.raises(StopIteration) as over:
        steps.send("1")
    assert isinstance(over.value.value, ToQueue) and over.value.value.queue == SALES
    assert over.value.value.needs.boost_s == 30


def test_what_must_be_heard_is_heard_to_its_end() -> None:
    flows = made(main={**MAIN, "welcome": Say(prompt=("law", "more"), barge_in=False, next="choose")})
    steps = Run(flows, flows["main"], {}).steps()
    heard = [next(steps), steps.send("1"), steps.send("1")]
    assert heard == [Play("law", keys=False), Play("more", keys=False), Play("choose", keys=True)]


def collect(**changes: object) -> Collect:
    values = {"prompt": ("number",), "into": "account", "next": "said", "otherwise": "support", "least": 2, "most": 6}
    return Collect(**{**values, **changes})  # type: ignore[arg-type]


def collecting(**changes: object) -> dict[str, Flow]:
    said = Say(prompt=("you-said", "{digits: account}"), next="bye")
    return made(main={"ask": collect(**changes), "said": said, "bye": BYE, "support": Queue(queue=SUPPORT)})


@pytest.mark.parametrize(
    ("caller", "account"),
    [(["4711#"], "4711"), (["4711"], "4711"), (["123456"], "123456"), (["1#", "12#"], "12"), (["*", "12#"], "12")],
)
def test_keys_are_collected_until_the_last_one_or_the_end_key_or_a_silence(caller: list[str], account: str) -> None:
    came = tried(collecting(), *caller)
    assert came.variables == {"account": account}
    assert came.heard[-2:] == ("you-said", f"digits {account}")
    assert came.ends == "hang up"


@pytest.mark.parametrize(
    ("what", "keys", "value"),
    [
        ("digits", "0049", "0049"),
        ("digits", "0*49", None),
        ("number", "0049", 49),
        ("amount", "12*5", Decimal("12.5")),
        ("amount", "12", Decimal(12)),
        ("amount", "12*", None),
        ("amount", "12*555", None),
        ("amount", "*5", None),
        ("date", "29022028", "2028-02-29"),
        ("date", "29022027", None),
        ("date", "00012027", None),
        ("date", "01010000", None),
        ("date", "1122027", None),
        ("time", "2359", "23:59"),
        ("time", "2400", None),
        ("time", "960", None),
        ("yes_no", "1", True),
        ("yes_no", "2", False),
        ("yes_no", "3", None),
    ],
)
def test_what_was_pressed_is_taken_for_what_was_asked_or_not_at_all(what: str, keys: str, value: Value) -> None:
    found = understood(collect(what=what, least=1, most=10), keys)
    assert found == value and type(found) is type(value)


def test_a_date_is_read_in_the_order_that_the_country_writes() -> None:
    assert understood(collect(what="date", most=8, order="month-day-year"), "12242026") == "2026-12-24"
    assert understood(collect(what="date", most=8, order="year-month-day"), "20261224") == "2026-12-24"


def test_a_branch_takes_the_first_case_that_is_true() -> None:
    cases = (Case(when="not queue.sales.open", go="support"), Case(when="queue.sales.waiting > 5", go="bye"))
    nodes: dict[str, Node] = {"look": Branch(cases=cases, otherwise="sales"), "bye": BYE, **MAIN}
    flows = made(main=nodes)
    assert tried(flows, facts={"queue.sales.open": False, "queue.sales.waiting": 9}).ends == "queue support"
    assert tried(flows, facts={"queue.sales.open": True, "queue.sales.waiting": 9}).ends == "hang up"
    assert tried(flows, facts={"queue.sales.open": True}).ends == "queue sales"


def test_variables_are_set_from_one_another_and_said() -> None:
    nodes: dict[str, Node] = {
        "ask": collect(what="number", into="count", next="sum"),
        "sum": Set(values={"double": "count * 2", "many": "double > 10"}, next="look"),
        "look": Branch(cases=(Case(when="many", go="say"),), otherwise="support"),
        "say": Say(prompt=("{number: double}", "{digits: dialled}"), next="bye"),
        "bye": BYE,
        "support": Queue(queue=SUPPORT),
    }
    came = tried(made(main=nodes), "12#")
    assert came.variables == {"count": 12, "double": 24, "many": True}
    # What nobody knows is not said.
    assert came.heard == ("number", "number 24")


def test_another_flow_is_gone_through_and_left_again_with_what_it_learnt() -> None:
    main: dict[str, Node] = {
        "pin": Subflow(flow="pin", next="look"),
        "look": Branch(cases=(Case(when='pin == "4711"', go="sales"),), otherwise="support"),
        "sales": Queue(queue=SALES),
        "support": Queue(queue=SUPPORT),
    }
    pin: dict[str, Node] = {
        "ask": collect(into="pin", next="back", otherwise="spanish"),
        "spanish": Speak(language="es", next="back"),
        "back": Return(),
    }
    flows = made(main=main, pin=pin)
    came = tried(flows, "4711#")
    assert (came.ends, came.path) == ("queue sales", ("pin", "pin.ask", "pin.back", "look", "sales"))
    assert "language es" in tried(flows).heard
    assert check_flow(flows["pin"], flows, answers=False) == []


def told(nodes: Mapping[str, Node], *, answers: bool = True) -> list[str]:
    flows = made(main=nodes)
    return [f"{'.'.join(one.key)}: {one.what}" for one in check_flow(flows["main"], flows, answers=answers)]


def test_a_flow_in_order_has_nothing_to_mend() -> None:
    assert told(MAIN) == []


def test_the_check_tells_of_nodes_that_are_not_there() -> None:
    assert told({**MAIN, "welcome": Say(prompt=(), next="chose")}) == [
        'nodes.welcome.next: there is no node "chose"',
    ]
    assert told({**MAIN, "choose": Subflow(flow="pin", next="sales")}) == ['nodes.choose.flow: there is no flow "pin"']


def test_the_check_tells_of_nodes_to_which_nothing_leads() -> None:
    assert told({**MAIN, "lonely": BYE}) == ["nodes.lonely: no caller ever comes here"]


def test_the_check_tells_of_dead_ends() -> None:
    nodes: dict[str, Node] = {
        "a": menu(keys={"1": "b"}, otherwise="b"),
        "b": Collect(prompt=(), into="x", next="a", otherwise="a"),
    }
    assert [one for one in told(nodes) if "dead end" in one] == [
        f"nodes.{name}: a dead end: from here no way leads to a queue, a hang_up or a return" for name in "ab"
    ]


def test_the_check_tells_of_circles_in_which_a_silent_caller_would_stay() -> None:
    nodes = {**MAIN, "choose": menu(otherwise="welcome")}
    assert told(nodes) == ["nodes.welcome: a caller who presses nothing goes round for ever: choose, welcome"]
    # Whoever presses a key goes round as often as they like.
    assert told({**MAIN, "choose": menu(keys={"1": "sales", "9": "welcome"})}) == []


def test_the_check_tells_of_a_return_to_nobody() -> None:
    nodes: dict[str, Node] = {"a": Return()}
    assert told(nodes) and told(nodes, answers=False) == []


def test_flows_that_call_themselves_are_found_through_others() -> None:
    flows = made(
        a={"x": Subflow(flow="b", next="y"), "y": Return()},
        b={"x": Subflow(flow="a", next="y"), "y": Return()},
        c={"x": Subflow(flow="a", next="y"), "y": Return()},
    )
    assert called_in_circles(flows) == ["a", "b"]


def test_sounds_are_missed_in_each_language() -> None:
    flows = made(main=MAIN)
    found = missing_sounds(flows["main"], ("en", "es"), lambda sound, language: (sound, language) != ("hello", "es"))
    assert [(one.key, one.what) for one in found] == [
        (("nodes", "welcome", "prompt"), "the sound hello is missing in es")
    ]


KEYS = st.text("0123456789*#", min_size=1, max_size=8)
WAYS = st.lists(st.one_of(KEYS, st.just("nothing"), st.just("hang up")), max_size=40)


def everything() -> dict[str, Flow]:
    """Every kind of node, with circles that go on as long as the caller presses."""
    main: dict[str, Node] = {
        "welcome": Say(prompt=("hello", "{digits: account}"), next="choose"),
        "choose": menu(keys={"1": "ask", "2": "pin", "*": "welcome", "#": "spanish"}, otherwise="support", tries=2),
        "spanish": Speak(language="es", next="choose_again"),
        "choose_again": menu(keys={"1": "welcome"}, otherwise="support"),
        "ask": collect(what="amount", into="paid", next="look", otherwise="choose_again"),
        "look": Branch(cases=(Case(when="paid > 100", go="bye"), Case(when="vip", go="sales")), otherwise="sum"),
        "sum": Set(values={"vip": "paid * 2 > 20 or queue.sales.open"}, next="choose_again"),
        "pin": Subflow(flow="pin", next="sales"),
        "sales": Queue(queue=SALES),
        "support": Queue(queue=SUPPORT),
        "bye": BYE,
    }
    pin: dict[str, Node] = {
        "ask": collect(into="account", next="back", otherwise="back", tries=1),
        "back": Return(),
    }
    return made(main=main, pin=pin)


EVERYTHING = everything()


@settings(max_examples=500)
@given(WAYS, st.booleans(), st.lists(st.sampled_from("0123456789*#"), max_size=200))
def test_whatever_is_pressed_and_whenever_every_caller_comes_to_an_end(
    caller: list[str], open_: bool, keys: list[str]
) -> None:
    for flow in EVERYTHING.values():
        assert check_flow(flow, EVERYTHING, answers=flow.id == "main") == []
    facts = {"queue.sales.open": open_}
    assert tried(EVERYTHING, *caller, facts=facts).ends in ("queue sales", "queue support", "hang up", "caller hung up")
    # Keys at every step whatever: into prompts, ahead of questions, in between.
    run = Run(EVERYTHING, EVERYTHING["main"], facts)
    steps = run.steps()
    pressed = iter(keys)
    try:
        next(steps)
        while True:
            steps.send(next(pressed, ""))
    except StopIteration as stopped:
        assert isinstance(stopped.value, ToQueue | Over)
    assert len(run.visits) < MOST_NODES
