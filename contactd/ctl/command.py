"""What the files of commands/ are made of: the decorator, and arguments that know what they may be."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

import click
from click.shell_completion import CompletionItem

from contactd.core.errors import ContactdError
from contactd.ctl.door import Door

F = TypeVar("F", bound=Callable[..., Any])
_PATIENCE_S = 0.5
"""For a completion: longer, and the shell seems to hang."""


class Command(click.Command):
    """Takes --json after its name as well as before it, and ends with the code that its function returns."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                callback=_as_json,
                help="Answer in JSON, for scripts.",
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        code = super().invoke(ctx)
        if isinstance(code, int) and code:
            ctx.exit(code)
        return code


def _as_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    door = context.find_object(Door)
    if value and door is not None:
        door.json = True


def command(name: str) -> Callable[[Callable[..., Any]], Command]:
    """``@command("sign-in")`` over a function of (door, ...) that returns an Exit, or None for fine."""

    def make(function: Callable[..., Any]) -> Command:
        return click.command(name, cls=Command)(click.pass_obj(function))

    return make


def adding_to(group: click.Group) -> Callable[[str], Callable[[Callable[..., Any]], Command]]:
    """As command(), into this group."""

    def named(name: str) -> Callable[[Callable[..., Any]], Command]:
        def into(function: Callable[..., Any]) -> Command:
            made = command(name)(function)
            group.add_command(made)
            return made

        return into

    return named


def options(*each: Callable[[F], F]) -> Callable[[F], F]:
    """Options that several commands share, in the order of their help."""

    def onto(function: F) -> F:
        for option in reversed(each):
            function = option(function)
        return function

    return onto


def fields_set(values: Iterable[str]) -> dict[str, str]:
    """What --set FIELD=VALUE gave."""
    pairs = [text.partition("=") for text in values]
    if any(not equals for _, equals, _ in pairs):
        raise click.UsageError("--set takes FIELD=VALUE.")
    return {field: value for field, _, value in pairs}


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """A new file for personal data, mode 0600; it is removed when what it is for fails. - is standard output."""
    if str(path) == "-":
        yield sys.stdout.buffer
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be made ({error.strerror}): name one that is not there.") from None
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class Known(click.ParamType):  # type: ignore[type-arg]  # generic in click's newest release only
    """An id, which the shell completes from what the daemon knows just now."""

    def __init__(self, name: str, target: str) -> None:
        self.name = name
        self._target = target

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from contactd.ctl.client import ask

        options = ctx.find_root().params
        door = Door(options.get("config"), options.get("socket"))
        try:
            known = ask(door.socket_path, "GET", self._target, timeout_s=_PATIENCE_S)
        except ContactdError:
            return []
        return [CompletionItem(one["id"]) for one in known if one["id"].startswith(incomplete)]


AGENT = Known("agent", "/agents")
QUEUE = Known("queue", "/queues")
CONTACT = Known("contact", "/contacts")


def act(door: Door, agent: str, name: str, reason: str = "", *, table: str = "show_agents") -> None:
    """A supervisor acts for an agent, and sees what the agent is now."""
    answer = door.ask("POST", f"/agents/{quote(agent, safe='')}/{name}", {"reason": reason})
    door.show(answer if door.json else [answer], table)
