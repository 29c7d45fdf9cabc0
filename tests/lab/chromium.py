"""Debian's Chromium, brought without root and started by its own loader, for playwright.

Chromium finds its files beside /proc/self/exe, which is the loader: so a copy of the loader lies there. It starts
processes of itself by the path that --browser-subprocess-path names: so that names the script, and there is no zygote.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.lab import debs
from tests.lab.progress import LAB

ROOT = LAB / "tools/chromium"
_FLAGS = ("--no-zygote", "--disable-gpu", "--disable-crash-reporter", "--disable-dev-shm-usage", "--no-sandbox")
"""No sandbox: it needs what containers and root do not have, and the only pages here are our own."""


def find() -> Path:
    """The script that starts it."""
    root = debs.ensure(["chromium", "fonts-dejavu-core"], ROOT).resolve()
    script = root / "start"
    folder = root / "usr/lib/chromium"
    argv = debs.runner(root, "usr/lib/chromium/chromium")
    text = f"""#!/bin/sh
export FONTCONFIG_PATH="{root}/etc/fonts" FONTCONFIG_SYSROOT="{root}"
exec "{folder}/ld.so" --library-path "{argv[2]}" "{folder}/chromium" --browser-subprocess-path="$0" "$@"
"""
    if not script.exists() or script.read_text() != text:
        shutil.copy2(Path(argv[0]).resolve(), folder / "ld.so")
        fresh = script.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.rename(script)
    return script


def options() -> dict[str, Any]:
    """For playwright's chromium.launch()."""
    return {"executable_path": str(find()), "args": list(_FLAGS), "chromium_sandbox": False, "timeout": 60_000}
