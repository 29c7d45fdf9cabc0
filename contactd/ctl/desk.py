"""Users of the desk: PostgreSQL is asked directly, whether the daemon runs or not. Who acts is written down."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from contactd.config import customers_access, names
from contactd.core.errors import ContactdError
from contactd.core.ids import AgentId
from contactd.ctl.durations import local
from contactd.ctl.exits import Exit
from contactd.ctl.store import database
from contactd.ctl.tables import print_table, table_of
from contactd.services.crm.recogniser import vault_with
from contactd.services.desk import codes
from contactd.services.desk.passwords import hash_of
from contactd.services.desk.roles import Role
from contactd.store import desk as rows
from contactd.store.audit import Entry, Who, audit_act

_VIA = "contactctl desk"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class NoSuchUser(ContactdError):
    """Nobody has this name."""

    exit_code = Exit.NOT_FOUND


class UserRefused(ContactdError):
    """It cannot be so."""

    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True)
class Wanted:
    name: str
    role: str
    agent: str | None
    person: str
    queues: tuple[str, ...]
    language: str


async def listed(config: Path) -> list[dict[str, Any]]:
    agents = names(config, "agents")
    async with database(config) as connection:
        found = await rows.users(connection)
    return [
        {
            "name": one.name,
            "person": one.person,
            "role": one.role,
            "agent": one.agent,
            "agent_known": one.agent is None or one.agent in agents,
            "queues": list(one.queues),
            "codes": one.totp is not None,
            "locked_at": one.locked_at,
            "added_at": one.added_at,
            "sessions": one.sessions,
        }
        for one in found
    ]


async def added(config: Path, wanted: Wanted, password: str | None) -> dict[str, Any]:
    """Raises UserRefused, PasswordRefused."""
    if not _NAME.fullmatch(wanted.name):
        raise UserRefused("A name is small letters, digits, dots, - and _; up to 64 of them, a letter or digit first.")
    agent, queues = wanted.agent, names(config, "queues")
    known = names(config, "agents")
    if agent is None and wanted.role == Role.AGENT:
        agent = wanted.name
    if agent is not None and agent not in known:
        raise UserRefused(f"There is no [agents.{agent}]: name one by --agent, or add it to the configuration first.")
    unknown = [queue for queue in wanted.queues if queue not in queues]
    if unknown:
        raise UserRefused(f"There is no queue {unknown[0]}; known: {', '.join(queues)}.")
    token, hash_ = _secret(wanted.name, password)
    async with database(config, writes=True) as connection, connection.transaction():
        done = await rows.add(
            connection,
            *(wanted.name, wanted.person, wanted.role, agent, wanted.queues, wanted.language, hash_),
            rows.hashed(token) if token is not None else None,
        )
        if not done:
            raise UserRefused(f"There is a user {wanted.name} already.")
        outcome = f"{wanted.name}: {wanted.role}, queues {', '.join(wanted.queues) or 'all'}"
        await _write(connection, "add desk user", outcome, agent)
    return {"name": wanted.name, "role": wanted.role, "agent": agent, "token": token}


async def role_of(config: Path, name: str) -> str:
    """Raises NoSuchUser."""
    async with database(config) as connection:
        return (await _one(connection, name)).role


async def changed(config: Path, name: str, password: str | None) -> dict[str, Any]:
    """Raises NoSuchUser, PasswordRefused."""
    token, hash_ = _secret(name, password)
    async with database(config, writes=True) as connection, connection.transaction():
        one = await _one(connection, name)
        await rows.set_password(connection, name, hash_, rows.hashed(token) if token is not None else None)
        await _write(connection, "desk password", name, one.agent)
    return {"name": name, "role": one.role, "agent": one.agent, "token": token}


async def code(config: Path, name: str, *, off: bool) -> dict[str, Any]:
    """Raises NoSuchUser."""
    vault = vault_with(customers_access(config)[1])
    secret = None if off else codes.fresh()
    async with database(config, writes=True) as connection, connection.transaction():
        one = await _one(connection, name)
        if one.role == Role.INTEGRATOR:
            raise UserRefused(f"{name} is a program with a token, and has no telephone.")
        sealed = None if secret is None else vault.seal(secret, rows.about(name))
        await rows.set_totp(connection, name, sealed)
        await _write(connection, "desk code", f"{name}: {'off' if off else 'a new secret'}", one.agent)
    address = None if secret is None else codes.address(name, secret)
    return {"name": name, "secret": secret, "address": address}


async def locked(config: Path, name: str, *, locked: bool) -> str:
    """Raises NoSuchUser."""

    async def work(connection: Any) -> bool:
        return await rows.lock(connection, name, locked=locked)

    await _acted(config, name, "lock desk user" if locked else "unlock desk user", work)
    return f"{name} is {'locked, and signed out everywhere' if locked else 'let in again'}."


async def removed(config: Path, name: str) -> str:
    """Raises NoSuchUser."""
    await _acted(config, name, "remove desk user", lambda connection: rows.remove(connection, name))
    return f"{name} is removed, and signed out everywhere."


async def _acted(config: Path, name: str, act: str, work: Callable[[Any], Awaitable[bool]]) -> None:
    async with database(config, writes=True) as connection, connection.transaction():
        one = await _one(connection, name)
        await work(connection)
        await _write(connection, act, name, one.agent)


async def _one(connection: Any, name: str) -> rows.User:
    found = await rows.users(connection, name)
    if not found:
        raise NoSuchUser(f"There is no user {name}; contactctl desk user list shows them.")
    return found[0]


async def _write(connection: Any, act: str, outcome: str, agent: str | None) -> None:
    id_ = AgentId(agent) if agent is not None else None
    await audit_act(connection, Entry(Who.me(), _VIA, act, agent=id_, outcome=outcome))


def _secret(name: str, password: str | None) -> tuple[str | None, str | None]:
    """A token and no password, or a password's hash and no token."""
    if password is None:
        return secrets.token_urlsafe(32), None
    return None, hash_of(name, password)


def show_list(found: list[dict[str, Any]]) -> None:
    table = table_of("user", "name", "role", "agent", "queues", "codes", "signed in", "")
    for one in found:
        wrong = f"locked since {local(one['locked_at']):%Y-%m-%d %H:%M}" if one["locked_at"] else ""
        if not one["agent_known"]:
            wrong = f"there is no [agents.{one['agent']}]"
        table.add_row(
            one["name"],
            one["person"],
            one["role"],
            one["agent"] or "",
            ", ".join(one["queues"]) or "all",
            "yes" if one["codes"] else "",
            str(one["sessions"] or ""),
            wrong,
        )
    print_table(table, empty="Nobody may use the desk yet: contactctl desk user add NAME.")


def show_added(one: dict[str, Any]) -> None:
    if one["token"]:
        click.echo(f"The token of {one['name']}, which is not shown again:\n\n    {one['token']}\n")
        click.echo("The program sends it as: Authorization: Bearer TOKEN")
        return
    is_agent = f", and is the agent {one['agent']}" if one["agent"] else ""
    click.echo(f"{one['name']} may sign in at the desk as {one['role']}{is_agent}.")


def show_code(one: dict[str, Any]) -> None:
    if one["secret"] is None:
        click.echo(f"{one['name']} signs in without a code.")
        return
    click.echo(f"For the telephone of {one['name']}; not shown again. The secret, or the address as a picture:\n")
    click.echo(f"    {one['secret']}\n    {one['address']}")
