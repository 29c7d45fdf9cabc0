"""docs/installation.rst, to be followed word for word."""

from __future__ import annotations

import re
import textwrap

from tests.lab.progress import ROOT


def blocks(section: str) -> list[str]:
    """The shell commands below a heading, in order."""
    text = (ROOT / "docs/installation.rst").read_text()
    below = re.split(rf"^{re.escape(section)}\n-+\n", text, flags=re.MULTILINE)[1]
    below = re.split(r"^.+\n-{5,}\n", below, flags=re.MULTILINE)[0]
    found = re.findall(r"^\.\. code-block:: sh\n\n((?:    .*\n|\n)+)", below, flags=re.MULTILINE)
    return [textwrap.dedent(block).strip() for block in found]


def database_commands() -> str:
    """The database on the same machine, then the configuration."""
    return "\n".join([blocks("2. The database")[0], *blocks("3. The configuration")])


def program_commands() -> list[str]:
    """Debian, the bundle, the tree, and what follows the last two."""
    return blocks("1. The program")
