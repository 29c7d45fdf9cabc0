"""What the daemon answered, as tables for people."""

from __future__ import annotations

import sys
import time
from datetime import date, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contactd.core.destination import Destination
from contactd.ctl import callback_words
from contactd.ctl.durations import duration, local
from contactd.ctl.words import REASONS, caller_words, destination

_LEVEL_STYLE = {"ok": "green", "warning": "yellow", "failing": "bold red"}
_PIPE_COLUMNS = 200
_WEEKDAY_S = 6 * 86400
WIDE = 120
"""Columns from which on a table shows all that is known; below, what fits into 80."""
SHORT = 18
"""So much of a contact's id tells it from others, and explain takes it."""


def console() -> Console:
    """Piped, a table keeps its columns whole."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False)


def show_status(status: dict[str, Any]) -> None:
    out = console()
    level = status["level"]
    contacts = sum(status["contacts"].values())
    text = f"contactd {status['version']}, epoch {status['epoch']}, fact {status['seq']}, {contacts} contact"
    text += "" if contacts == 1 else "s"
    out.print(Text(level, _LEVEL_STYLE[level]), text, sep="  ")
    checks = Table(box=None, pad_edge=False, show_header=False)
    checks.add_column(no_wrap=True)
    checks.add_column()
    for check in status["checks"]:
        # A pipe has no colours.
        what = check["what"] if check["level"] == "ok" else f"{check['level']}: {check['what']}"
        checks.add_row(f"  {check['name']}", Text(what, _LEVEL_STYLE[check["level"]]))
        if check["remedy"]:
            checks.add_row("", Text(check["remedy"]))
    out.print(checks)
    out.print()
    show_queues(status["queues"])


def show_queues(queues: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    # contactctl status does not ask for it.
    told = any("estimated_wait" in q for q in queues)
    table = table_of(
        *("queue", *(["label"] if wide or not told else []), "waiting>", "ringing>", "talking>", "longest wait>"),
        *([*(["estimated>"] if told else []), "available>", "agents>"]),
    )
    # Narrow, what is not as usual stands below: a sentence does not fit into what is left of the line.
    timed = wide and any(q["hours"]["by"] for q in queues)
    limited = wide and any(q["new_callers"] for q in queues)
    if timed:
        table.add_column("hours", overflow="fold")
    if limited:
        table.add_column("new callers", overflow="fold")
    for q in queues:
        label = q["label"] if q["label"] != q["id"] else ""
        waiting = str(q["waiting"]) if q["max_waiting"] is None else f"{q['waiting']} of {q['max_waiting']}"
        table.add_row(
            *(q["id"], *([label] if wide or not told else []), waiting, str(q["ringing"])),
            *(str(q["talking"]), _span(q["longest_wait_s"])),
            *([_longest(q["estimated_wait"])] if told else []),
            *(str(q["agents_available"]), str(q["agents"])),
            *([_hours(q["hours"])] if timed else []),
            *([_new_callers(q["new_callers"])] if limited else []),
        )
    print_table(table, "there is no queue")
    for q in [] if wide else queues:
        said = [_hours(q["hours"])] if q["hours"]["by"] else []
        said += [Text("new callers: ").append_text(_new_callers(q["new_callers"]))] if q["new_callers"] else []
        if said:
            console().print(Text(f"{q['id']}: ") + Text("; ").join(said), soft_wrap=True)


def show_callbacks(callbacks: list[dict[str, Any]]) -> None:
    table = table_of(*("contact", "queue", "first", "now", "waited>", "rung", "expires in>", "agent"))
    for one in callbacks:
        id_, *others = callback_words.row(one, time.time())
        table.add_row(str(id_)[:SHORT], *others)
    print_table(table, "nobody is to be called back")


def _new_callers(sends: list[dict[str, Any]]) -> Text:
    """Why and where to who comes now goes; empty: they wait."""
    told = []
    for one in sends:
        at = f" (at {one['pbx']})" if one["pbx"] else ""
        told.append(f"{one['why']}: to {destination(msgspec.convert(one['to'], Destination))}{at}")
    return Text("; ".join(told), "yellow")


def _hours(hours: dict[str, Any]) -> Text:
    if not hours["by"]:
        return Text("")
    word = "open" if hours["open"] else "closed"
    by_hand = " by hand" if hours["by"] == "hand" else ""
    # A calendar that is open for its usual hours needs no reason beside it.
    why = "" if hours["open"] and not by_hand else f" ({hours['why']})"
    until = f" until {_until(hours['until'])}" if hours["until"] else ""
    return Text(f"{word}{by_hand}{until}{why}", "" if hours["open"] else "yellow")


def _until(at: float) -> str:
    """A weekday means the next one."""
    return f"{local(at):%a %H:%M}" if at - time.time() < _WEEKDAY_S else f"{local(at):%Y-%m-%d %H:%M}"


def show_agents(agents: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    names = ("endpoint", "queues~", "contact") if wide else ("queues~",)
    table = table_of("agent", "status", "state", "for>", "handset", *names)
    for a in agents:
        status = _status(a)
        queues = " ".join(a["queues"])
        more = (_handset(a), queues, a["contact"] or "") if wide else (queues,)
        table.add_row(a["id"], status, a["state"], _span(a["for_s"]), a["handset"], *more)
    print_table(table, "there is no agent")


def _status(agent: dict[str, Any]) -> str:
    """The reason, whether the choice waits for the end of a contact, and whether it lasts too long."""
    told: str = agent["status"]
    if agent["reason"]:
        told += f" ({agent['reason_label']})"
    return ("then " if agent["pending"] else "") + told + (", overdue" if agent["overdue"] else "")


def _handset(agent: dict[str, Any]) -> str:
    if not agent["endpoint"]:
        return "no handset of their own"
    return f"{agent['pbx']}/{agent['endpoint']}" + (" desk" if agent["desk"] else "")


def show_agent(agents: list[dict[str, Any]]) -> None:
    """All that is known of one."""
    out = console()
    for a in agents:
        table = Table(box=None, pad_edge=False, show_header=False)
        rows = {
            "agent": a["id"],
            "status": _status(a),
            "chosen by": a["by"],
            "state": a["state"],
            "for": _span(a["for_s"]),
            "contact": a["contact"] or "",
            "wrap-up until": local(a["wrap_up_until"]).strftime("%H:%M:%S") if a["wrap_up_until"] else "",
            "can extend by": _span(a["wrap_up_extend_s"]) if a["wrap_up_extend_s"] else "",
            "handset": f"{a['handset']} ({_handset(a)})",
            "queues": " ".join(a["queues"]),
            "PIN locked until": local(a["locked_until"]).strftime("%H:%M:%S") if a["locked_until"] else "",
        }
        for name, value in rows.items():
            if value:
                table.add_row(name, Text(value))
        out.print(table)


def show_skills(agents: list[dict[str, Any]]) -> None:
    table = table_of("agent", "queues", "groups", "skills", "set by")
    for a in agents:
        skills = " ".join(f"{skill}={level}" for skill, level in sorted(a["skills"].items()))
        by = "a supervisor" if a["skills_set"] else "the configuration"
        table.add_row(a["id"], " ".join(a["queues"]), " ".join(a["groups"]), skills or "none", by)
    console().print(table)


def show_decision(told: dict[str, Any]) -> None:
    """candidates, of a past moment."""
    out = console()
    out.print(f"as it was on {local(told['at']):%Y-%m-%d at %H:%M:%S.%f}, after fact {told['after_seq']}")
    if told["offer"] is not None:
        out.print(f"offer {told['offer']} went to {told['chosen']}")
    if told["as_in_journal"] is False:
        out.print(Text("The journal counted the agents otherwise: report this to the developers.", "yellow"))
    show_candidates(told)


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
    table = table_of("agent", "", "rank", "idle since")
    for one in told["agents"]:
        since = local(one["idle_since"]).strftime("%H:%M:%S") if one["idle_since"] else ""
        rank = (
            "" if one["rank"] is None or told["strategy"] in ("longest_idle", "weighted_random") else f"{one['rank']:g}"
        )
        table.add_row(one["agent"], REASONS.get(one["reason"], one["reason"]), rank, since)
    out.print(table)


def show_contacts(contacts: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    table = table_of(
        *("contact", "state", "queue", "line", *(["here>"] if wide else []), "waited>", "estimated>", "talking>"),
        "agent",
    )
    for c in contacts:
        table.add_row(
            *(c["id"] if wide else c["id"][:SHORT], _state(c), c["queue"] or "", c["dnis"]),
            *([_span(c["here_s"])] if wide else []),
            *(_span(c["waited_s"]), _guess(c["estimated_wait"]), _span(c["talking_s"]), _with(c)),
        )
    print_table(table, "no contacts now; contactctl contacts --past 20 shows the latest")


def _state(contact: dict[str, Any]) -> str:
    """And what brings the words, of a call whose words are text."""
    return f"{contact['state']} ({contact['text']})" if contact.get("text") else str(contact["state"])


def _with(contact: dict[str, Any]) -> str:
    """Whom the contact rings at, or talks with; by ring-all the first of them, and how many more."""
    more = len(contact["legs"]) - 1
    return f"{contact['agent']} +{more}" if more > 0 else contact["agent"] or ""


def show_past(contacts: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    revealed = any("caller" in c for c in contacts)
    more = ("line", "talked>") if wide else ()
    table = table_of(
        *("arrived", "contact", "queue", "waited>", *more, "agent", "outcome~"), *(["caller~"] if revealed else [])
    )
    for c in contacts:
        table.add_row(
            c["arrived"] if wide else c["arrived"][5:16],
            *(c["id"] if wide else c["id"][:SHORT], c["queue"] or "", _span(c["waited_s"])),
            *([c["dnis"], _span(c["talk_s"])] if wide else []),
            *(c["agent"] or "", f"{c['outcome'] or ''}{' (test call)' if c['test'] else ''}"),
            *([Text(caller_words(c["caller"]))] if revealed else []),
        )
    print_table(table, "the history knows no contact yet")


def show_audit(rows: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    table = table_of("at", "who", *(["by"] if wide else []), "act", "of", "what~", *(["login"] if wide else []))
    for r in rows:
        at = local(r["at"]).strftime("%Y-%m-%d %H:%M:%S")
        what = ", ".join([*r["fields"], *([r["outcome"]] if r["outcome"] else [])])
        login = f"{r['login']}@{r['client']}" if r["client"] else r["login"]
        of = r["contact"] or r["agent"] or ""
        table.add_row(
            *(at if wide else at[5:16], r["who"], *([r["via"]] if wide else []), r["act"]),
            *(of if wide else of[:SHORT], what, *([login] if wide else [])),
        )
    print_table(table, "nobody acted or looked")


def show_hours(told: list[dict[str, Any]]) -> None:
    out = console()
    if not told:
        out.print("there is no calendar: every queue is open always, unless a supervisor closes it")
    for number, one in enumerate(told):
        if number:
            out.print()
        now = "open" if one["open"] else "closed"
        until = f" until {_readable(one['until'])}" if one["until"] else ""
        out.print(Text(f"{one['calendar']}, {one['time_zone']}: {now} now ({one['why']}){until}", "bold"))
        days = table_of("date", "", "hours", "why", "")
        for day in one["days"]:
            hours = ", ".join(span["hours"] for span in day["spans"]) or "closed"
            changed = [span for span in day["spans"] if span["clocks_change"]]
            note = ", ".join(f"{span['hours']} lasts {span['lasts_h']:g} h: the clocks change" for span in changed)
            days.add_row(day["date"], date.fromisoformat(day["date"]).strftime("%a"), hours, Text(day["why"]), note)
        out.print(days)


def show_jobs(jobs: list[dict[str, Any]]) -> None:
    wide = console().width >= WIDE
    table = table_of(
        "job>", "kind", "key", "state", "attempts>", "when", *(["took>", "worker"] if wide else []), "error~"
    )
    for job in jobs:
        began, ended = job["started_at"], job["ended_at"]
        took = _span(ended - began) if job["state"] == "done" else ""
        when = job["due"] if job["state"] == "waiting" else ended or began or job["made_at"]
        table.add_row(
            *(str(job["id"]), job["kind"], job["key"], job["state"], str(job["attempts"])),
            local(when).strftime("%Y-%m-%d %H:%M:%S" if wide else "%m-%d %H:%M"),
            *([took, job["worker"].rpartition(":")[0]] if wide else []),
            job["error"],
        )
    print_table(table, "there is no job; the worker asks for the daily ones (systemctl status 'contactd-worker@*')")


def table_of(*names: str) -> Table:
    """A name that ends in > is for numbers, one in ~ for lists that may take several lines."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        kept = name.rstrip(">~")
        table.add_column(kept, no_wrap=kept + "~" != name, justify="right" if name.endswith(">") else "left")
    return table


def print_table(table: Table, empty: str) -> None:
    console().print(table if table.row_count else empty)


def _span(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _readable(iso: str) -> str:
    return datetime.fromisoformat(iso).strftime("%a %Y-%m-%d %H:%M")


def _guess(estimate: dict[str, float] | None) -> str:
    """A median and its range.

    >>> _guess({"low_s": 12.0, "median_s": 40.4, "high_s": 85.0}), _guess({"low_s": 60, "median_s": 150, "high_s": 312})
    ('40 s (12-85)', '2.5 min (1.0-5.2)')
    """
    if estimate is None:
        return ""
    low_s, median_s, high_s = estimate["low_s"], estimate["median_s"], estimate["high_s"]
    if high_s < 120:
        return f"{median_s:.0f} s ({low_s:.0f}-{high_s:.0f})"
    return f"{median_s / 60:.1f} min ({low_s / 60:.1f}-{high_s / 60:.1f})"


def _longest(by_pbx: dict[str, dict[str, float] | None]) -> str:
    """Of somebody new, at the PBX where it takes longest; nobody knows where nobody works."""
    known = [estimate for estimate in by_pbx.values() if estimate is not None]
    return _guess(max(known, key=lambda estimate: estimate["median_s"], default=None)) or "unknown"
