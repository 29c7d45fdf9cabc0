"""Understanding in a process of its own: what a hostile message takes, it takes there, and goes with it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec

import contactd
from contactd.services.mime.reading import understand
from contactd.services.mime.record import NotUnderstood, Understood

WALL_S = 30.0
MEMORY = 1 << 30
"""Of address space."""
_ENDED = 3


def understood_apart(raw: bytes, wall_s: float = WALL_S, memory: int = MEMORY) -> Understood:
    """Blocking. Raises NotUnderstood, also when it took too long or too much memory."""
    isolated = ["-I"] if sys.flags.isolated else []
    where = {} if sys.flags.isolated else {"PYTHONPATH": str(Path(contactd.__file__).parents[1])}
    try:
        done = subprocess.run(
            [sys.executable, *isolated, "-m", "contactd.services.mime.apart", str(memory)],
            input=raw,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MALLOC_ARENA_MAX": "2", **where},
            timeout=wall_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotUnderstood(f"Reading it takes longer than the {wall_s:g} s that it may.") from None
    if done.returncode == _ENDED:
        raise NotUnderstood(done.stdout.decode("utf-8", "replace"))
    if done.returncode:
        raise NotUnderstood("The process that read it was ended: it needs more than it may.")
    return msgspec.json.decode(done.stdout, type=Understood)


def main() -> None:
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(WALL_S) + 10,) * 2)
    try:
        out = msgspec.json.encode(understand(sys.stdin.buffer.read()))
    except MemoryError:
        sys.stdout.write(f"Reading it needs more than the {memory >> 20} MiB that it may use.")
        sys.exit(_ENDED)
    except NotUnderstood as error:
        sys.stdout.write(str(error))
        sys.exit(_ENDED)
    sys.stdout.buffer.write(out)


if __name__ == "__main__":
    main()
