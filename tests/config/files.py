"""Writing configurations for tests."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"


def sample() -> dict[str, Any]:
    return tomllib.loads((DOCS / "contactd.sample.toml").read_text(encoding="utf-8"))


def waiting_sample() -> dict[str, Any]:
    """The sample, but that everybody waits, however long the queue and whoever is there."""
    table = sample()
    for queue in table["queues"].values():
        for key in ("max_waiting", "max_estimated_wait_s", "full", "unstaffed"):
            queue.pop(key, None)
    return table


def sample_secrets() -> dict[str, Any]:
    return tomllib.loads((DOCS / "secrets.sample.toml").read_text(encoding="utf-8"))


def dump(table: dict[str, Any], at: tuple[str, ...] = ()) -> str:
    """A table as TOML: values first, then its tables."""
    lines = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            inner = (*at, key)
            lines.append(f"[{'.'.join(json.dumps(part) for part in inner)}]")
            lines.append(dump(value, inner))
    return "\n".join(lines)


def write(folder: Path, table: dict[str, Any] | str, secrets: dict[str, Any] | None = None) -> Path:
    """Both files in folder; the path of contactd.toml."""
    path = folder / "contactd.toml"
    path.write_text(table if isinstance(table, str) else dump(table), encoding="utf-8")
    beside = folder / "secrets.toml"
    beside.touch(0o600)
    beside.write_text(dump(sample_secrets() if secrets is None else secrets), encoding="utf-8")
    return path
