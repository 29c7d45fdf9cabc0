"""What the daemon answered, as tables for people."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contactd.ctl.durations import duration, local
from contactd.ctl.words import REASONS, caller_words

_LEVEL_STYLE = {"ok": "green", "warning": "yellow", "failing": "bold red"}
_PIPE_COLUMNS = 200


def console() -> Console:
    """Piped, a table keeps its columns whole."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False)


def show_status(status: dict[str, Any]) -> None:
    out = console()
    level = status["level"]
    contacts = sum(status["contacts"].values())
    text = f"contactd {status['version']}, epoch {status['epoch']}, fact {status['seq']}, {contacts} contacts"
    out.print(Text(level, _LEVEL_STYLE[level]), text, sep="  ")
    for check in status["checks"]:
        out.print(Text(f"  {check['name']}: {check['what']}", _LEVEL_STYLE[check["level"]]))
        if check["remedy"]:
            out.print(f"    {check['remedy']}", markup=False)
    show_queues(status["queues"])


def show_queues(queues: list[dict[str, Any]]) -> None:
    table = _table("queue", "label", "waiting", "ringing", "talking", "longest wait", "available", "agents")
    for q in queues:
        table.add_row(
            *(q["id"], q["label"], str(q["waiting"]), str(q["ringing"]), str(q["talking"])),
            *(_span(q["longest_wait_s"]), str(q["agents_available"]), str(q["agents"])),
        )
    console().print(table)


def show_agents(agents: list[dict[str, Any]]) -> None:
    table = _table("agent", "status", "state", "for", "handset", "endpoint", "queues", "contact")
    for a in agents:
        status = f"{a['status']} ({a['reason']})" if a["reason"] else a["status"]
        table.add_row(
            *(a["id"], status, a["state"], _span(a["for_s"]), a["handset"]),
            *(f"{a['pbx']}/{a['endpoint']}", " ".join(a["queues"]), a["contact"] or ""),
        )
    console().print(table)


def show_skills(agents: list[dict[str, Any]]) -> None:
    table = _table("agent", "queues", "groups", "skills", "set by")
    for a in agents:
        skills = " ".join(f"{skill}={level}" for skill, level in sorted(a["skills"].items()))
        by = "a supervisor" if a["skills_set"] else "the configuration"
        table.add_row(a["id"], " ".join(a["queues"]), " ".join(a["groups"]), skills or "none", by)
    console().print(table)


def show_candidates(told: dict[str, Any]) -> None:
    out = console()
    if told["queue"] is None or told["strategy"] is None:
        out.print(f"{told['contact']} ({told['state']}) is in no queue yet.")
        return
    asked = " ".join(f"{skill}={level}" for skill, level in told["skills"].items()) or "no skills"
    alone = f", {told['alone']} alone" if told["alone"] else ""
    step = f"step {told['step']}" if told["step"] >= 0 else "before the first step"
    out.print(
        f"{told['contact']} ({told['state']}), queue {told['queue']}, {step}: by {told['strategy']}, {asked}{alone}"
    )
    table = _table("agent", "", "rank", "idle since")
    for one in told["agents"]:
        since = local(one["idle_since"]).strftime("%H:%M:%S") if one["idle_since"] else ""
        rank = (
            "" if one["rank"] is None or told["strategy"] in ("longest_idle", "weighted_random") else f"{one['rank']:g}"
        )
        table.add_row(one["agent"], REASONS.get(one["reason"], one["reason"]), rank, since)
    out.print(table)


def show_contacts(contacts: list[dict[str, Any]]) -> None:
    table = _table("contact", "state", "queue", "line", "here", "waited", "talking", "agent")
    for c in contacts:
        table.add_row(
            *(c["id"], c["state"], c["queue"] or "", c["dnis"]),
            *(_span(c["here_s"]), _span(c["waited_s"]), _span(c["talking_s"]), c["agent"] or ""),
        )
    console().print(table)


def show_past(contacts: list[dict[str, Any]]) -> None:
    revealed = any("caller" in c for c in contacts)
    names = ("arrived", "contact", "line", "queue", "waited", "talked", "agent", "outcome")
    table = _table(*names, *(["caller"] if revealed else []))
    for c in contacts:
        table.add_row(
            *(c["arrived"], c["id"], c["dnis"], c["queue"] or "", _span(c["waited_s"])),
            *(_span(c["talk_s"]), c["agent"] or "", c["outcome"] or ""),
            *([Text(caller_words(c["caller"]))] if revealed else []),
        )
    console().print(table)


def show_audit(rows: list[dict[str, Any]]) -> None:
    table = _table("at", "who", "by", "act", "of", "what", "login")
    for r in rows:
        at = local(r["at"]).strftime("%Y-%m-%d %H:%M:%S")
        what = ", ".join([*r["fields"], *([r["outcome"]] if r["outcome"] else [])])
        login = f"{r['login']}@{r['client']}" if r["client"] else r["login"]
        table.add_row(at, r["who"], r["via"], r["act"], r["contact"] or r["agent"] or "", what, login)
    console().print(table)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _span(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)
