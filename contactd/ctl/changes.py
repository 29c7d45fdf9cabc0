"""What a reload would change, for people."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from contactd.ctl.tables import console

_SIGN = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def show_plan(plan: dict[str, Any]) -> None:
    out = console()
    if plan["errors"]:
        for error in plan["errors"]:
            out.print(error, markup=False, soft_wrap=True)
        count = "1 error" if len(plan["errors"]) == 1 else f"{len(plan['errors'])} errors"
        out.print(f"\n{count}: a reload would take nothing, and what is in force stays.", style="bold red")
        return
    by_reload = [change for change in plan["changes"] if change["takes"] == "reload"]
    by_restart = [change for change in plan["changes"] if change["takes"] == "restart"]
    if plan["held"]:
        _table("A reload would take nothing", plan["changes"])
        out.print("\nWhat a reload can take does not fit without what needs a restart:", style="bold red")
        for problem in plan["held"]:
            out.print(f"  {problem}", markup=False, soft_wrap=True)
        out.print("\nsystemctl restart contactd takes all of it: calls and waiting callers stay.")
        return
    if by_reload:
        _table("A reload takes", by_reload)
    if by_restart:
        _table("Only a restart takes", by_restart)
    if not plan["changes"]:
        same = plan["after"] == plan["running"]
        more = "" if same else "; only comments or the order differ, and a reload keeps the files as they are now"
        out.print(f"Nothing to change: {plan['path']} says what is in force{more}.", markup=False, soft_wrap=True)
    elif by_reload:
        rest = "; the rest runs on as it is until a restart" if by_restart else ""
        out.print(f"\nsystemctl reload contactd takes it{rest}.")
    else:
        out.print("\nsystemctl restart contactd takes it: calls and waiting callers stay.")


def _table(title: str, changes: list[dict[str, Any]]) -> None:
    out = console()
    out.print(f"{title}:", style="bold")
    for change in changes:
        sign, style = _SIGN[change["change"]]
        out.print(Text(f"  {sign} ", style), Text(_sentence(change)), sep="", soft_wrap=True)


def _sentence(change: dict[str, Any]) -> str:
    if change["secret"]:
        return f"{change['key']}  (in the secrets)"
    values = [value for value in (change["old"], change["new"]) if value is not None]
    return f"{change['key']}  {'  ->  '.join(values)}"
