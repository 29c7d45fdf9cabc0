"""What callers did in a flow, counted; and flows in words."""

from __future__ import annotations

from contactd.core.events import FlowWent
from contactd.core.ids import ContactId, QueueId
from contactd.core.ivr.figures import Journey, figures_of
from contactd.core.ivr.nodes import Branch, Case, Collect, HangUp, Menu, Queue, Say, Set, Subflow
from contactd.core.ivr.words import in_order, ways, what
from tests.core.ivr.test_run import made

HIM = ContactId("01890a5d-ac96-774b-bcce-b302099a8057")


def went(*passed: str, asks: str = "", served: bool = False) -> FlowWent:
    return FlowWent(contact=HIM, flow="main", passed=passed, asks=asks, served=served)


SERVED = Journey(((10.0, went("hello", asks="choose")), (14.0, went("choose=1", "bye", served=True))), False, 14.5)
WAITED = Journey(((10.0, went("hello", asks="choose")), (12.0, went("choose=otherwise", "sales"))), True, 90.0)
LEFT_UNTOLD = Journey(((10.0, went("hello", asks="choose")),), False, 13.0)
LEFT_TOLD = Journey(((10.0, went("hello", asks="choose")), (11.0, went("choose", asks=""))), False, 11.0)
INSIDE = Journey(((10.0, went("hello", asks="choose")),), False, None)


def test_callers_are_counted_by_how_they_left_and_where() -> None:
    figures = figures_of([SERVED, WAITED, LEFT_UNTOLD, LEFT_TOLD, INSIDE])
    assert (figures.callers, figures.served, figures.waited, figures.left, figures.inside) == (5, 1, 1, 2, 1)
    assert figures.containment == 1 / 4
    choose = figures.at("choose")
    assert (choose.came, choose.left, choose.inside) == (5, 2, 1)
    assert choose.answers == {"1": 1, "otherwise": 1}
    # Four seconds, two, three and one; how long somebody who is there will stay nobody knows.
    assert choose.mean_s == 2.5
    assert figures.at("hello").came == 5 and figures.at("hello").left == 0 and figures.at("hello").mean_s is None
    assert figures.ways == {("hello", "choose"): 5, ("choose", "bye"): 1, ("choose", "sales"): 1}


def test_who_goes_in_a_circle_came_several_times() -> None:
    again = Journey(
        ((1.0, went(asks="choose")), (2.0, went("choose=9", asks="choose")), (3.0, went("choose=1", "sales"))),
        True,
        9.0,
    )
    assert figures_of([again]).at("choose").came == 2


def test_the_nodes_of_a_flow_within_are_counted_and_the_way_goes_over_them() -> None:
    inner = Journey(((1.0, went("ask", "hours.look", "hours.back", "sales")),), True, 5.0)
    figures = figures_of([inner])
    assert figures.at("hours.look").came == 1
    assert figures.ways == {("ask", "sales"): 1}


def test_nobody_is_no_figure() -> None:
    figures = figures_of([])
    assert figures.callers == 0 and figures.containment is None


def test_a_flow_is_told_from_its_start_with_every_way() -> None:
    nodes = {
        "late": Say(prompt=("bye",), next="end"),
        "first": Set(values={"a": "'x'"}, next="ask"),
        "ask": Collect(prompt=("p",), into="n", what="number", least=2, most=2, next="look", otherwise="late"),
        "look": Branch(cases=(Case(when="n > 5", go="line"),), otherwise="choose"),
        "choose": Menu(prompt=("q",), keys={"1": "line", "2": "sub"}, otherwise="late", tries=1),
        "sub": Subflow(flow="other", next="late"),
        "line": Queue(queue=QueueId("sales"), boost_s=5),
        "end": HangUp(),
    }
    flow = made(first={"start": HangUp()}, main={"first": nodes.pop("first"), **nodes})["main"]
    assert in_order(flow) == ["first", "ask", "look", "late", "line", "choose", "end", "sub"]
    assert ways(nodes["look"]) == [("n > 5", "line"), ("otherwise", "choose")]
    assert ways(nodes["choose"]) == [("1", "line"), ("2", "sub"), ("otherwise", "late")]
    assert ways(nodes["late"]) == [("", "end")]
    assert what(flow, "ask") == ["p", "n: number, 2 keys", "asks 3 times, 5 s each"]
    assert what(flow, "choose") == ["q", "asks once, 5 s each"]
    assert what(flow, "line") == ["sales", "5 s earlier"] and what(flow, "end") == []
