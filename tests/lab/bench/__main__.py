"""`make bench`: every figure, printed at the end as `name value unit`. --quick: a minute, to see that it works."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.lab.bench import calls, latency, load, micro, restart, waiting
from tests.lab.bench.figures import Figures, ratio, say
from tests.lab.bench.rig import Rig, Side
from tests.lab.bench.scale import QUICK, Scale
from tests.lab.progress import LAB, LabError

PARTS = ("cpu", "recording", "offers", "copy", "freed", "rate", "waiting", "restart", "micro")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything: no figure means much")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="these parts alone")
    parser.add_argument("--keep", action="store_true", help="leave the folder with all logs")
    options = parser.parse_args()
    LAB.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=LAB))
    figures = Figures()
    keep = options.keep
    try:
        with Rig(folder, QUICK if options.quick else Scale()) as rig:
            measure(rig, frozenset(options.only), figures)
    except LabError as error:
        keep = True
        say(f"{error}\nlogs: {folder}")
        return 1
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("".join(line + "\n" for line in figures.lines()))
    return 0


def measure(rig: Rig, only: frozenset[str], into: Figures) -> None:
    """contactd first, then app_queue on the same Asterisk, which goes on running."""

    def part(name: str, work: Callable[[], None]) -> None:
        if name in only:
            began = time.monotonic()
            work()
            say(f"{name}: {time.monotonic() - began:.0f} s")

    rates: dict[Side, float] = {}
    everybody = rig.scale.agents
    side = Side.CONTACTD
    rig.sign(ready=everybody)
    calls.check_warm(rig, side)
    part("cpu", lambda: load.cpu(rig, side, into))
    part("recording", lambda: load.recording(rig, into))
    part("offers", lambda: latency.offers(rig, side, "offer_latency", into))

    def beside_a_copy() -> None:
        with latency.bulk_copy(rig):
            latency.offers(rig, side, "offer_latency_copy", into)

    part("copy", beside_a_copy)
    part("rate", lambda: rates.update({side: load.highest_rate(rig, side)}))

    def freed() -> None:
        rig.sign(ready=rig.scale.few)
        latency.freed(rig, side, "freed_latency", into)

    part("freed", freed)
    part("waiting", lambda: waiting.announcements(rig, into))
    part("restart", lambda: restart.recovery(rig, into))

    other = Side.APP_QUEUE
    with rig.queueing(other):
        calls.check_warm(rig, other)
        part("cpu", lambda: load.cpu(rig, other, into))
        part("offers", lambda: latency.offers(rig, other, "app_queue_offer_latency", into))
        part("freed", lambda: latency.freed(rig, other, "app_queue_freed_latency", into))
        part("rate", lambda: rates.update({other: load.highest_rate(rig, other)}))
    part("micro", lambda: micro.measure(rig, into))

    if rates:
        into.add("max_rate_calls_per_s", rates[side], "calls/s")
        into.add("app_queue_max_rate_calls_per_s", rates[other], "calls/s")
        into.add("rate_ratio", ratio(rates[side], rates[other]), "ratio")


if __name__ == "__main__":
    sys.exit(main())
