"""Flows from the files, for who writes them: checked, tried out, told in words; and what the journal says of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from contactd.config import ConfigErrors, Problem, flow_access
from contactd.config.flows import is_test, rehearsed
from contactd.core.errors import ContactdError
from contactd.core.ivr.figures import FlowFigures
from contactd.core.ivr.flow import Flow
from contactd.core.ivr.words import in_order, ways, what
from contactd.ctl.durations import duration
from contactd.ctl.exits import Exit
from contactd.ctl.store import database
from contactd.ctl.tables import console, print_table, table_of
from contactd.store.reports import flow_figures


class NoFlow(ContactdError):
    """The files have no flow of that name."""

    exit_code = Exit.NOT_FOUND


@dataclass(frozen=True, slots=True)
class Files:
    """runs: empty while anything but a test is wrong. asked: the flows that were named; without names, all."""

    written: dict[str, Any]
    runs: dict[str, Flow]
    problems: list[Problem]
    asked: list[str]

    def running(self) -> dict[str, Flow]:
        """Raises ConfigErrors while there is none that runs."""
        if not self.runs:
            raise ConfigErrors([one for one in self.problems if not is_test(one.key)])
        return {flow: self.runs[flow] for flow in self.asked}


def read(config: Path, names: Iterable[str]) -> Files:
    """names: flows of the configuration, or files (with a / or .toml) that are read as if they were in its folder."""
    names = list(names)
    drafts = [Path(name) for name in names if name.endswith(".toml")]
    written, runs, problems = flow_access(config, drafts)
    asked = [Path(name).stem if name.endswith(".toml") else name for name in names] or list(written)
    for name in asked:
        if name not in written:
            some = f"there are {', '.join(written)}" if written else f"{config} has none in its folder flows"
            raise NoFlow(f"There is no flow {name}: {some}.")
    return Files(written, runs, problems, asked)


def checked(files: Files) -> dict[str, Any]:
    """All that is wrong, of every flow: a subflow's trouble is its caller's too."""
    return {
        "flows": [
            {"flow": flow, "nodes": len(files.written[flow].nodes), "tests": len(files.written[flow].tests)}
            for flow in files.asked
        ],
        "problems": [
            {"file": one.file, "line": one.line, "key": one.key, "what": one.what, "remedy": one.remedy}
            for one in files.problems
        ],
    }


def show_checked(told: dict[str, Any]) -> None:
    out = console()
    for one in told["problems"]:
        place = f"{one['file']}:{one['line']}" if one["line"] else one["file"]
        out.print(Text(f"{place}: {one['key']}: {one['what']}. {one['remedy']}."), soft_wrap=True)
    count = len(told["problems"])
    if count:
        out.print(f"{count} {'error' if count == 1 else 'errors'}")
        return
    table = table_of("flow", "nodes>", "tests>", "")
    for one in told["flows"]:
        table.add_row(one["flow"], str(one["nodes"]), str(one["tests"]), "fine")
    print_table(table, "there is no flow: write flows/<name>.toml beside the configuration (docs/flows.rst)")


def tried(files: Files) -> list[dict[str, Any]]:
    """Every test of the flows that were asked for. Raises ConfigErrors."""
    running = files.running()
    told: list[dict[str, Any]] = []
    for flow_id, flow in running.items():
        for test in files.written[flow_id].tests:
            began = time.perf_counter()
            came, wrong = rehearsed(flow, files.runs, test)
            took_ms = round(1000 * (time.perf_counter() - began), 3)
            told.append(
                {
                    "flow": flow_id,
                    "test": test.name,
                    "passes": not wrong,
                    "wrong": wrong,
                    "took_ms": took_ms,
                    "ends": came.ends if came is not None else None,
                    "path": came.path if came is not None else (),
                    "heard": came.heard if came is not None else (),
                }
            )
    return told


def show_tried(told: list[dict[str, Any]], *, paths: bool) -> None:
    out = console()
    for one in told:
        out.print(Text("ok    " if one["passes"] else "fails ", "green" if one["passes"] else "bold red"), end="")
        out.print(Text(f"{one['flow']}: {one['test']}"), soft_wrap=True)
        for wrong in one["wrong"]:
            out.print(Text(f"      {wrong}"), soft_wrap=True)
        if paths:
            out.print(Text(f"      comes to {', '.join(one['path'])}; ends with {one['ends']}"), soft_wrap=True)
            out.print(Text(f"      hears {', '.join(one['heard']) or 'nothing'}"), soft_wrap=True)
    failed = sum(not one["passes"] for one in told)
    took_ms = sum(one["took_ms"] for one in told)
    fails = f"{failed} of them fail" if failed > 1 else "1 of them fails" if failed else "all pass"
    count = "1 test" if len(told) == 1 else f"{len(told)} tests"
    out.print(f"{count} in {took_ms:.1f} ms: {fails}" if told else "no flow has a test")


def outline(flow: Flow) -> dict[str, Any]:
    return {
        "flow": flow.id,
        "start": flow.start,
        "nodes": [
            {
                "node": name,
                "kind": flow.nodes[name].__struct_config__.tag,
                "what": what(flow, name),
                "ways": [{"when": when, "to": to} for when, to in ways(flow.nodes[name])],
            }
            for name in in_order(flow)
        ],
    }


def show_outline(told: dict[str, Any]) -> None:
    out = console()
    out.print(Text(f"{told['flow']} begins at {told['start']}", "bold"))
    wide = max((len(node["node"]) for node in told["nodes"]), default=0)
    for node in told["nodes"]:
        out.print()
        head = f"{node['node']:<{wide}}  {node['kind'].replace('_', ' ')}"
        out.print(Text(head, "bold"), soft_wrap=True)
        for line in node["what"]:
            out.print(Text(f"{'':<{wide}}  {line}"), soft_wrap=True)
        labels = max((len(way["when"]) for way in node["ways"]), default=0)
        for way in node["ways"]:
            label = f"{way['when']:<{labels}} " if labels else ""
            out.print(Text(f"{'':<{wide}}    {label}-> {way['to']}"), soft_wrap=True)


async def counted(config: Path, flow: str, since: float, until: float) -> FlowFigures:
    """Raises StoreAway, StoreRefused, ConfigErrors."""
    async with database(config) as connection:
        return await flow_figures(connection, flow, since, until)


def as_json(flow: str, figures: FlowFigures, since: float, until: float) -> dict[str, Any]:
    return {
        "flow": flow,
        "since": datetime.fromtimestamp(since).astimezone().isoformat(),
        "until": datetime.fromtimestamp(until).astimezone().isoformat(),
        **{name: getattr(figures, name) for name in ("callers", "served", "waited", "left", "inside", "containment")},
        "nodes": [
            {
                "node": name,
                "came": one.came,
                "left": one.left,
                "inside": one.inside,
                "mean_s": round(one.mean_s, 3) if one.mean_s is not None else None,
                "answers": dict(one.answers),
            }
            for name, one in figures.nodes.items()
        ],
    }


def show_figures(told: dict[str, Any]) -> None:
    out = console()
    since, until = (datetime.fromisoformat(told[name]).strftime("%Y-%m-%d %H:%M") for name in ("since", "until"))
    out.print(Text(f"{told['flow']}, {since} to {until}", "bold"))
    if not told["callers"]:
        out.print("nobody came into it")
        return
    contained = f", containment {told['containment']:.0%}" if told["containment"] is not None else ""
    out.print(
        f"{told['callers']} came in: {told['served']} served, {told['waited']} went on to a queue,"
        f" {told['left']} hung up, {told['inside']} inside{contained}"
    )
    table = table_of("node", "came>", "left>", "of those>", "mean>", "answers~")
    for one in told["nodes"]:
        mean = duration(one["mean_s"]) if one["mean_s"] is not None else ""
        share = f"{one['left'] / one['came']:.0%}" if one["came"] and one["left"] else ""
        total = sum(one["answers"].values())
        answers = ", ".join(
            f"{key} {count / total:.0%}" for key, count in sorted(one["answers"].items(), key=lambda pair: -pair[1])
        )
        table.add_row(one["node"], str(one["came"]), str(one["left"] or ""), share, mean, answers)
    print_table(table, "")
