"""contactctl's command line. Each command imports what it needs: --help must not load a database driver."""

# ruff: noqa: PLC0415

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from contactd import __version__
from contactd.core.errors import ContactdError

REFUSED, USAGE, UNREACHABLE = 1, 2, 3
_CONFIG = Path("/etc/contactd/contactd.toml")
_SOCKET = "/run/contactd/ctl.sock"


@dataclass(frozen=True, slots=True)
class Door:
    """Where to ask, and how to answer. config: None when none was named; then the usual one, if readable."""

    config: Path | None
    socket: str | None
    json: bool

    def ask(self, method: str, target: str, body: dict[str, Any] | None = None) -> Any:
        from contactd.ctl.client import ask

        return ask(self._socket(), method, target, body)

    def _socket(self) -> str:
        if self.socket is not None:
            return self.socket
        from contactd.config import ConfigErrors, control_socket

        try:
            return control_socket(self.config or _CONFIG)
        except ConfigErrors:
            if self.config is not None:
                raise
            return _SOCKET

    def show(self, answer: Any, table: str) -> None:
        """As JSON, or by the function of ``tables`` that is named."""
        if self.json:
            click.echo(json.dumps(answer, indent=2))
            return
        from contactd.ctl import tables

        getattr(tables, table)(answer)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="contactctl")
@click.option("--config", type=click.Path(path_type=Path), envvar="CONTACTD_CONFIG", help=f"Default: {_CONFIG}.")
@click.option("--socket", type=click.Path(), help="The daemon's socket, whatever the configuration says.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
@click.pass_context
def cli(context: click.Context, config: Path | None, socket: str | None, as_json: bool) -> None:
    """See what contactd does, act for an agent, and have a contact explained.

    Exit codes: 0 done, 1 refused or not found, 2 wrong usage or configuration, 3 the daemon (or PostgreSQL,
    for what reads the past) cannot be reached.
    """
    context.obj = Door(config, socket, as_json)


@cli.command()
@click.pass_obj
def status(door: Door) -> None:
    """Is somebody steering, and how long are the queues?"""
    door.show(door.ask("GET", "/status"), "show_status")


@cli.command()
@click.pass_obj
def agents(door: Door) -> None:
    """Every agent: status, state, handset."""
    door.show(door.ask("GET", "/agents"), "show_agents")


@cli.command()
@click.pass_obj
def queues(door: Door) -> None:
    """Every queue: who waits, how long, who could answer."""
    door.show(door.ask("GET", "/queues"), "show_queues")


@cli.command()
@click.option("--past", type=click.IntRange(1, 1000), help="The latest N from PostgreSQL, not those of now.")
@click.pass_obj
def contacts(door: Door, past: int | None) -> None:
    """The contacts of now, the oldest first."""
    if past is None:
        door.show(door.ask("GET", "/contacts"), "show_contacts")
        return
    import asyncio

    from contactd.ctl import explain

    door.show(asyncio.run(explain.past(door.config or _CONFIG, past)), "show_past")


@cli.command()
@click.argument("contact")
@click.pass_obj
def explain(door: Door, contact: str) -> None:
    """All that happened to a CONTACT: its UUID, the beginning of it, or the Uniqueid of the caller's channel.

    Reads PostgreSQL; the daemon need not run.
    """
    import asyncio

    from contactd.ctl import explain as telling

    told = asyncio.run(telling.explain(door.config or _CONFIG, contact))
    click.echo(json.dumps(telling.as_json(told), indent=2) if door.json else telling.as_text(told))


def _act(door: Door, agent: str, act: str, reason: str = "") -> None:
    answer = door.ask("POST", f"/agents/{quote(agent, safe='')}/{act}", {"reason": reason})
    door.show(answer if door.json else [answer], "show_agents")


@cli.command("sign-in")
@click.argument("agent")
@click.pass_obj
def sign_in(door: Door, agent: str) -> None:
    """Sign AGENT in, without the PIN."""
    _act(door, agent, "sign-in")


@cli.command("sign-out")
@click.argument("agent")
@click.pass_obj
def sign_out(door: Door, agent: str) -> None:
    """Sign AGENT out; a running talk goes on."""
    _act(door, agent, "sign-out")


@cli.command()
@click.argument("agent")
@click.pass_obj
def ready(door: Door, agent: str) -> None:
    """Make AGENT ready, and end a wrap-up."""
    _act(door, agent, "ready")


@cli.command("not-ready")
@click.argument("agent")
@click.argument("reason", default="")
@click.pass_obj
def not_ready(door: Door, agent: str, reason: str) -> None:
    """Make AGENT not ready, for one of the configured reasons."""
    _act(door, agent, "not-ready", reason)


def main() -> None:
    """The entry point: a sentence and a code, never a traceback."""
    try:
        cli(standalone_mode=True)
    except ContactdError as error:
        # By name, since importing the store for its errors would cost every command its start.
        code = {
            "DaemonUnreachable": UNREACHABLE,
            "StoreAway": UNREACHABLE,
            "ConfigErrors": USAGE,
        }.get(type(error).__name__, REFUSED)
        click.echo(f"contactctl: {error}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
