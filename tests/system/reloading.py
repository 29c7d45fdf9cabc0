"""Changing the files of a running centre, and what comes of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from contactd.ctl.client import ask
from tests.lab.stack import Contactd
from tests.system.centre import Centre


@dataclass
class Files:
    """The daemon's two files, and what became of changing them."""

    centre: Centre
    toml: str
    secrets: str

    @classmethod
    def of(cls, centre: Centre) -> Files:
        daemon = centre.stack.daemon
        return cls(centre, daemon.config.read_text(), (daemon.folder / "secrets.toml").read_text())

    @classmethod
    @contextlib.asynccontextmanager
    async def restored(cls, centre: Centre) -> AsyncIterator[Files]:
        """For one test of several with the same centre: nobody is there before, and all is as it was afterwards."""
        await centre.clear()
        files = cls.of(centre)
        try:
            yield files
        finally:
            await centre.clear()
            files.write()
            await files.reload("taken")

    @property
    def daemon(self) -> Contactd:
        return self.centre.stack.daemon

    def write(self, *changes: tuple[str, str], secrets: tuple[tuple[str, str], ...] = ()) -> None:
        """Each change, old and new, of the files as they were at first."""
        toml, hidden = self.toml, self.secrets
        for old, new in changes:
            assert old in toml, old
            toml = toml.replace(old, new, 1)
        for old, new in secrets:
            assert old in hidden, old
            hidden = hidden.replace(old, new, 1)
        self.daemon.write(toml, hidden)

    async def reload(self, result: str, timeout_s: float = 15.0) -> None:
        """SIGHUP, and its result by the metrics."""
        before = self.reloads(result)
        self.daemon.hup()
        await self.centre.until(lambda: self.reloads(result) > before, f"the reload to be {result}", timeout_s)

    def reloads(self, result: str) -> float:
        return self.metric(f'contactd_config_reloads_total{{result="{result}"}}')

    def metric(self, name: str) -> float:
        line = next(line for line in self.daemon.metrics().splitlines() if line.startswith(name + " "))
        return float(line.split()[-1])

    def plan(self) -> tuple[int, dict[str, object]]:
        ran = self.daemon.ctl("--json", "plan", check=False)
        return ran.returncode, json.loads(ran.stdout)

    def status(self) -> dict[str, object]:
        found: dict[str, object] = ask(str(self.daemon.socket), "GET", "/status")
        return found

    def said(self, event: str) -> list[dict[str, object]]:
        lines = self.daemon.log.read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == event]
