"""What the doctor found, for people and for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.padding import Padding
from rich.text import Text

from contactd.ctl.doctor.findings import Findings, Level
from contactd.ctl.tables import console

_MARK = {Level.OK: ("ok     ", "green"), Level.WARNING: ("warning", "yellow"), Level.ERROR: ("error  ", "bold red")}


def as_json(found: Findings) -> dict[str, Any]:
    return {
        "level": next((level for level in (Level.ERROR, Level.WARNING) if found.count(level)), Level.OK),
        "errors": found.count(Level.ERROR),
        "warnings": found.count(Level.WARNING),
        "findings": [asdict(finding) for finding in found.all],
    }


def show(found: Findings) -> None:
    out = console()
    subject = ""
    for finding in found.all:
        if finding.subject != subject:
            subject = finding.subject
            out.print(Text(subject, "bold"))
        mark, style = _MARK[finding.level]
        out.print(Text.assemble("  ", (mark, style), "  ", finding.what))
        if finding.remedy:
            out.print(Padding(Text(finding.remedy, "italic"), (0, 0, 0, 11), expand=False))
    errors, warnings = found.count(Level.ERROR), found.count(Level.WARNING)
    if found.fine:
        out.print(f"All is well: {len(found.all)} checks.")
    else:
        out.print(f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}.")
