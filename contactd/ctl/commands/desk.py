"""contactctl desk."""

from __future__ import annotations

import asyncio
import sys

import click

from contactd.ctl.command import adding_to
from contactd.ctl.door import Door

_ROLES = ("agent", "supervisor", "planner", "admin", "auditor", "integrator")


@click.group("desk", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Who may use the agent desk (docs/desk.rst)."""


@command.group("user", context_settings={"help_option_names": ["-h", "--help"]})
def user() -> None:
    """Users of the desk, and programs with a token. Changes PostgreSQL; the daemon notices within seconds, and ends the
    sessions of whoever is locked, removed, or has another password. Who does it is written down.
    """


_added = adding_to(user)


@_added("list")
def listed(door: Door) -> None:
    """Who there is, with role, agent, queues, and whether they are signed in."""
    from contactd.ctl import desk

    door.show(asyncio.run(desk.listed(door.config_path)), desk.show_list)


@_added("add")
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), default="agent", show_default=True, help="What the user may do.")
@click.option("--agent", help="The [agents.<id>] that the user is. An agent of that name, where this is left out.")
@click.option("--person", default="", help="The name for people.")
@click.option("--queue", "queues", multiple=True, help="What the user sees and acts on; several times. Left out: all.")
@click.option("--language", default="", help="Of the page, such as es. Left out: as the browser says.")
@click.option("--password-stdin", "stdin", is_flag=True, help="Read the password from standard input.")
def added(
    door: Door,
    name: str,
    role: str,
    agent: str | None,
    person: str,
    queues: tuple[str, ...],
    language: str,
    stdin: bool,
) -> None:
    """A new user. The password is asked for; an integrator gets a token, which is shown once."""
    from contactd.ctl import desk

    password = None if role == "integrator" else _password(stdin)
    one = desk.Wanted(name, role, agent, person, queues, language)
    door.show(asyncio.run(desk.added(door.config_path, one, password)), desk.show_added)


@_added("password")
@click.argument("name")
@click.option("--password-stdin", "stdin", is_flag=True, help="Read the password from standard input.")
def password(door: Door, name: str, stdin: bool) -> None:
    """Another password, or another token of an integrator. Whoever is signed in by the old one is signed out."""
    from contactd.ctl import desk

    role = asyncio.run(desk.role_of(door.config_path, name))
    new = None if role == "integrator" else _password(stdin)
    door.show(asyncio.run(desk.changed(door.config_path, name, new)), desk.show_added)


@_added("code")
@click.argument("name")
@click.option("--off", is_flag=True, help="Ask for no codes any more.")
def code(door: Door, name: str, off: bool) -> None:
    """A new secret for one-time codes; shown once, for the user's telephone. From then on each sign-in needs a code."""
    from contactd.ctl import desk

    door.show(asyncio.run(desk.code(door.config_path, name, off=off)), desk.show_code)


@_added("lock")
@click.argument("name")
def locked(door: Door, name: str) -> None:
    """Sign the user out everywhere, and let them in no more."""
    from contactd.ctl import desk

    door.show(asyncio.run(desk.locked(door.config_path, name, locked=True)), click.echo)


@_added("unlock")
@click.argument("name")
def unlocked(door: Door, name: str) -> None:
    """Let a locked user in again."""
    from contactd.ctl import desk

    door.show(asyncio.run(desk.locked(door.config_path, name, locked=False)), click.echo)


@_added("remove")
@click.argument("name")
def removed(door: Door, name: str) -> None:
    """The user, with all sessions. What they did stays in the audit."""
    from contactd.ctl import desk

    door.show(asyncio.run(desk.removed(door.config_path, name)), click.echo)


def _password(stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked
