"""core and protocols do no I/O, read no clock and roll no dice: by what they import, and by what they call."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import contactd

PACKAGE = Path(contactd.__file__).parent
FILES = [path for folder in ("core", "protocols") for path in sorted((PACKAGE / folder).rglob("*.py"))]
MODULES = [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
FORBIDDEN = {
    *("asyncio", "asyncpg", "aiohttp", "panoramisk", "structlog", "socket", "ssl", "selectors"),
    *("subprocess", "prometheus_client", "aiosmtplib", "asterisk"),
}
# msgspec itself imports datetime, os, time, uuid and the like; no line of ours may name them.
IMPURE = FORBIDDEN | {"os", "io", "time", "random", "secrets", "uuid", "threading", "pathlib", "tempfile", "datetime"}
CALLS = {"open", "print", "input", "id", "hash", "exec", "eval", "__import__"}


def test_importing_all_of_it_loads_no_driver_and_no_loop() -> None:
    code = (
        f"import importlib, json, sys\nfor name in {MODULES!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    loaded = set(json.loads(done.stdout))
    assert not {name for name in loaded if name.split(".")[0] in FORBIDDEN}
    ours = {name for name in loaded if name.startswith("contactd")}
    assert ours == set(MODULES) | {"contactd"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_function_reads_a_clock_or_rolls_dice(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & IMPURE, ast.dump(node)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and (node.module or "").split(".")[0] not in IMPURE, ast.dump(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in CALLS, f"{path.name}:{node.lineno} calls {node.func.id}"
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global), f"{path.name}:{node.lineno}"


def test_only_apply_and_what_it_calls_change_the_floor() -> None:
    """decide, compare and route assign to no attribute of anything."""
    routing = [f"routing/{name}.py" for name in ("route", "demand", "strategies", "reasons", "explain")]
    for name in ("decide.py", "decision.py", "compare.py", *routing):
        for node in ast.walk(ast.parse((PACKAGE / "core" / name).read_text())):
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    attribute = isinstance(target, ast.Attribute) and ast.unparse(target.value) != "into"
                    assert not attribute, f"{name}:{node.lineno} changes {ast.unparse(target)}"
