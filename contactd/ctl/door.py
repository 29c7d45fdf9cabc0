"""Where contactctl asks, and how it answers: what every command is given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

DEFAULT_CONFIG = Path("/etc/contactd")
DEFAULT_SOCKET = "/run/contactd/ctl.sock"


@dataclass(slots=True)
class Door:
    """config: None when none was named; then the usual one, if readable. json: answer for scripts."""

    config: Path | None = None
    socket: str | None = None
    json: bool = False

    @property
    def config_path(self) -> Path:
        return self.config or DEFAULT_CONFIG

    @property
    def socket_path(self) -> str:
        """The daemon's socket. Raises ConfigErrors for a named file that says nothing."""
        if self.socket is not None:
            return self.socket
        from contactd.config import ConfigErrors, control_socket

        try:
            return control_socket(self.config_path)
        except ConfigErrors:
            if self.config is not None:
                raise
            return DEFAULT_SOCKET

    def ask(
        self, method: str, target: str, body: dict[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """The daemon's answer. Raises DaemonUnreachable, NotFound, Forbidden, Standby, Refused."""
        from contactd.ctl.client import TIMEOUT_S, ask

        return ask(self.socket_path, method, target, body, timeout_s=timeout_s or TIMEOUT_S)

    def show(self, answer: Any, table: Callable[[Any], None] | str) -> None:
        """As JSON, or by a function that prints it for people (or the name of one in ``tables``)."""
        if self.json:
            self.say_json(answer)
        elif isinstance(table, str):
            from contactd.ctl import tables

            getattr(tables, table)(answer)
        else:
            table(answer)

    def say_json(self, answer: Any) -> None:
        """Indented for a person who looks, on one line for a program that reads."""
        click.echo(json.dumps(answer, indent=2 if sys.stdout.isatty() else None, default=str))
