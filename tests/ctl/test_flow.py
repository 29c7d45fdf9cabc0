"""contactctl flow: flows checked, shown and tried from their files, and counted from a real journal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import asyncpg
import pytest

from contactd.config import flow_access
from contactd.core import inputs as inp
from contactd.core.ids import QueueId
from contactd.core.ivr.figures import FlowFigures
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.nodes import HangUp, Menu, Say
from contactd.core.ivr.prompts import Sound
from contactd.ctl.exits import Exit
from contactd.ctl.flow_picture import picture
from contactd.store.history import follow
from tests.config.files import sample, write
from tests.config.test_flows import FLOW
from tests.ctl.test_contactctl import contactctl, journal, server  # noqa: F401 - a fixture
from tests.lab.postgres import Postgres
from tests.store.walk import Walk

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = sample()
    table["lines"]["5001"] = "flow:main"
    write(tmp_path, table)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/main.toml").write_text(FLOW)
    return tmp_path


async def test_flows_that_are_right_are_listed_without_a_daemon(folder: Path) -> None:
    ran = await contactctl("--config", str(folder), "flow", "check")
    assert ran.code == Exit.FINE, ran.err
    assert re.search(r"main +5 +1 +fine", ran.out)


async def test_what_is_wrong_is_told_with_file_line_node_and_remedy(folder: Path) -> None:
    (folder / "flows/main.toml").write_text(FLOW.replace('otherwise = "service"', 'otherwise = "servise"', 1))
    ran = await contactctl("--config", str(folder), "flow", "check", "main")
    assert ran.code == Exit.USAGE
    said = 'flows/main.toml:8: flows.main.nodes.choose.otherwise: there is no node "servise". Give one of choose, ask'
    assert said in ran.out and "1 error" in ran.out
    told = json.loads((await contactctl("--config", str(folder), "flow", "check", "--json")).out)
    assert told["problems"][0]["line"] == 8
    # What cannot run is neither shown nor tried, and says why.
    for command in ("test", "show"):
        again = await contactctl("--config", str(folder), "flow", command, "main")
        assert again.code == Exit.USAGE and 'no node "servise"' in again.err


async def test_the_rest_of_a_configuration_may_be_wrong(folder: Path) -> None:
    path = folder / "contactd.toml"
    path.write_text(path.read_text().replace('log_level = "info"', 'log_level = "loud"'))
    assert (await contactctl("--config", str(folder), "flow", "check")).code == Exit.FINE


async def test_a_draft_is_checked_and_tried_as_if_it_stood_there(folder: Path, tmp_path: Path) -> None:
    draft = tmp_path / "drafts"
    draft.mkdir()
    new = draft / "main.toml"
    new.write_text(FLOW.replace('ends = "queue sales"', 'ends = "queue service"'))
    options = ("--config", str(folder), "flow")
    assert (await contactctl(*options, "test")).code == Exit.FINE
    tried = await contactctl(*options, "test", str(new))
    assert tried.code == Exit.DEGRADED and "it ended with queue sales, and was to end with queue service" in tried.out
    checked = await contactctl(*options, "check", str(new))
    assert checked.code == Exit.USAGE and f"{new}:31: flows.main.tests.0" in checked.out
    other = draft / "other.toml"
    other.write_text(FLOW)
    shown = await contactctl(*options, "show", str(other))
    assert shown.code == Exit.FINE and shown.out.startswith("other begins at choose")
    missing = await contactctl(*options, "show", "nowhere")
    assert missing.code == Exit.NOT_FOUND and "There is no flow nowhere: there are main." in missing.err


async def test_each_test_is_told_with_its_time_and_way(folder: Path) -> None:
    options = ("--config", str(folder), "flow", "test")
    ran = await contactctl(*options, "--paths")
    assert ran.code == Exit.FINE
    assert ran.out.startswith(
        "ok    main: a customer\n      comes to choose, ask, look, sales; ends with queue sales\n"
    )
    assert re.search(r"1 test in [0-9.]+ ms: all pass", ran.out)
    (told,) = json.loads((await contactctl(*options, "--json")).out)
    assert told["passes"] and told["heard"] == ["custom/choose", "custom/account"]


async def test_a_flow_is_shown_in_words_and_as_a_picture(folder: Path) -> None:
    options = ("--config", str(folder), "flow", "show", "main")
    ran = await contactctl(*options)
    assert "look     branch\n" in ran.out
    assert '           account == "4711" and calendar.office.open -> sales\n' in ran.out
    drawn = await contactctl(*options, "--svg", str(folder / "main.svg"))
    assert drawn.code == Exit.FINE and "drew" in drawn.out
    texts = [one.text for one in ElementTree.parse(folder / "main.svg").iter(f"{_SVG}text")]  # noqa: S314
    assert {"choose", "ask", "look", "sales", "service", "otherwise"} <= set(texts)
    refused = await contactctl(*options, "--svg", str(folder / "nowhere/main.svg"))
    assert refused.code == Exit.USAGE and "cannot be written" in refused.err


def _boxes(svg: str) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    rects = [one for one in root.iter(f"{_SVG}rect") if one.get("stroke")]
    return [tuple(float(one.get(name, "0")) for name in ("x", "y", "width", "height")) for one in rects]  # type: ignore[misc]


def test_no_two_boxes_of_a_picture_touch_and_all_are_inside(folder: Path) -> None:
    _, runs, _ = flow_access(folder)
    svg = picture(runs["main"], FlowFigures())
    boxes = _boxes(svg)
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    assert len(boxes) == 5
    for n, (x, y, width, height) in enumerate(boxes):
        assert x >= 0 and x + width <= float(root.get("width", "0"))
        for other_x, other_y, other_width, other_height in boxes[n + 1 :]:
            beside = x + width <= other_x or other_x + other_width <= x
            assert beside or y + height <= other_y or other_y + other_height <= y


def test_circles_loops_and_names_with_signs_are_drawn() -> None:
    nodes = {
        "a": Say(prompt=("x<y>&z",), next="b"),
        "b": Menu(prompt=("p",), keys={"1": "a", "2": "b", "3": "c"}, otherwise="c"),
        "c": HangUp(),
        "lonely": HangUp(),
    }
    svg = picture(Flow("main", "a", nodes, {("a", "prompt"): (Sound("x"),)}, {}, {}, {}))
    assert len(_boxes(svg)) == 4
    assert svg.count('stroke-dasharray="6 4"') == 2  # what leads up, or back to itself
    assert "x&lt;y&gt;&amp;z" in svg


async def test_stats_tell_where_callers_leave(server: Postgres, tmp_path: Path) -> None:  # noqa: F811
    walk = Walk()
    walk.open()

    def goes(*passed: str, asks: str = "", served: bool = False) -> inp.CallArrived:
        call = walk.arrive(after_s=60)
        tell(call, asks="choose")
        walk.now += 4
        if passed or asks:
            tell(call, *passed, asks=asks, served=served)
        return call

    def tell(call: inp.CallArrived, *passed: str, asks: str = "", served: bool = False) -> None:
        walk.put(inp.FlowWent(contact=call.contact, flow="main", passed=passed, asks=asks, served=served))

    def ends(call: inp.CallArrived) -> None:
        walk.put(inp.CallerHungUp(contact=call.contact, cause=16), after_s=2)

    ends(goes())
    ends(goes("choose=1", asks="ask"))
    ends(goes("choose=1", "bye", served=True))
    walk.hold(waits := goes("choose=otherwise", "service"), QueueId("service"))
    ends(waits)
    goes("choose=1", asks="ask")
    walk.put(inp.FlowWent(contact=walk.arrive(after_s=1).contact, flow="other", passed=(), asks="choose"))
    options = await journal(server, tmp_path, walk, "flowstats")
    pool = await asyncpg.create_pool(server.dsn_of("flowstats"))
    while await follow(pool, 1, most=500):
        pass
    await pool.close()
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/main.toml").write_text(FLOW)
    when = ("--from", "2027-01-14", "--to", "2027-01-16")
    ran = await contactctl(*options, "flow", "stats", "main", *when)
    assert ran.code == Exit.FINE, ran.err
    assert "5 came in: 1 served, 1 went on to a queue, 2 hung up, 1 inside, containment 25%" in ran.out
    assert re.search(r"choose +5 +1 +20% +4\.. s +1 75%, otherwise 25%", ran.out), ran.out
    assert re.search(r"ask +2 +1 +50%", ran.out)
    told = json.loads((await contactctl(*options, "flow", "stats", "main", *when, "--json")).out)
    assert told["nodes"][0]["answers"] == {"1": 3, "otherwise": 1}
    drawn = await contactctl(*options, "flow", "stats", "main", *when, "--svg", "-")
    assert "5 callers, 2 hung up in it" in drawn.out and "2 came, 1 left (50%)" in drawn.out
    none = await contactctl(*options, "flow", "stats", "main", "--from", "2026-01-01", "--to", "2026-01-02")
    assert "nobody came into it" in none.out
    wrong = await contactctl(*options, "flow", "stats", "main", "--from", "2026-01-02", "--to", "2026-01-01")
    assert wrong.code == Exit.USAGE
