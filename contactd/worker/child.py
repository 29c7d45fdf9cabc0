"""The process in which one job runs: limited before it reads anything, and gone when its worker is.

It is told its job on standard input, in one line of JSON, and says on standard output how far it came and what became
of it, a line each. What the job itself prints goes to standard error, the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import resource
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from contactd import log
from contactd.core.errors import ContactdError
from contactd.worker.job import Job, JobRefused

WORKER_GONE = 81
"""Our exit code when the worker let go of us."""


def main() -> None:
    told = json.loads(_line())
    _limit(told["memory_bytes"], told["wall_s"])
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    log.configure(told["log_level"])
    module, _, name = told["function"].partition(":")
    job = Job(
        told["arguments"],
        told["progress"],
        told["dsn"],
        told["password"],
        lambda so_far: _say(out, {"progress": so_far}),
        told["sections"],
    )
    try:
        function = getattr(importlib.import_module(module), name)
        _say(out, {"done": asyncio.run(function(job))})
    except JobRefused as refused:
        _say(out, {"refused": str(refused)})
    except ContactdError as error:
        _say(out, {"failed": str(error)})
    except MemoryError:
        # Whatever held the memory has gone with the frames that the error came through.
        _say(out, {"failed": f"It needed more memory than the {told['memory_bytes'] >> 20} MiB that it may use."})
    except Exception as error:
        # Not its text: that could be a piece of a caller's mail. The places in the code tell enough.
        _say(out, {"failed": f"An error of contactd: {type(error).__name__} at {_places(error)}."})


def _limit(memory_bytes: int, wall_s: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The worker looks at the clock; this is for one that cannot look any more.
    seconds = int(wall_s) + 60
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with contextlib.suppress(OSError):
        # When the machine itself runs out, we go before Asterisk, PostgreSQL and contactd.
        Path("/proc/self/oom_score_adj").write_text("1000")


def _line() -> bytes:
    """By the system's own read(): a buffered one that a thread waits in holds up the end of the process."""
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(WORKER_GONE)
        line += more
    return line


def _end_with_the_worker() -> None:
    """Nothing more is written to us: the end of the pipe is the end of the worker."""
    while os.read(0, 1):
        pass
    os._exit(WORKER_GONE)


def _say(out: TextIO, what: Mapping[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def _places(error: BaseException) -> str:
    """Where it happened, the innermost first."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{Path(code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return ", ".join(found[:0:-1][:4]) or "an unknown place"


if __name__ == "__main__":
    main()
