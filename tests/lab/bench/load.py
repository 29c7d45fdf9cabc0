"""What a call costs, and how many a second go well."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from tests.lab.bench import calls
from tests.lab.bench.figures import Figures, ratio, say
from tests.lab.bench.rig import Rig, Side


def cpu(rig: Rig, side: Side, into: Figures) -> None:
    """CPU a call at a rate that everybody carries, the idle time between included."""
    scale = rig.scale
    count = round(scale.cpu_rate * scale.cpu_s)
    before = rig.cpu_s()
    run = calls.run(rig, side, rate=scale.cpu_rate, count=count)
    after = rig.cpu_s()
    counted = count - calls.few_failed(run, f"{side.name.lower()} at {scale.cpu_rate:g} calls/s")
    spent = {name: (now - before[name]) * 1000 / counted for name, now in after.items()}
    if side is Side.APP_QUEUE:
        into.add("app_queue_asterisk_cpu_ms_per_call", spent["asterisk"], "ms")
        return
    into.add("cpu_ratio", ratio(spent["contactd"], spent["asterisk"]), "ratio")
    into.add("postgres_cpu_ratio", ratio(spent["postgres"], spent["asterisk"]), "ratio")
    for name in ("contactd", "postgres", "asterisk"):
        into.add(f"{name}_cpu_ms_per_call", spent[name], "ms")


def recording(rig: Rig, into: Figures) -> None:
    """What a recorded call costs the PBX and contactd over one that is not, one after the other."""
    plain = _spent_ms(rig)
    with rig.recording():
        recorded = _spent_ms(rig)
    into.add("recording_cpu_ratio", ratio(recorded, plain), "ratio")


def _spent_ms(rig: Rig) -> float:
    """CPU of both a call."""
    count = round(rig.scale.cpu_rate * rig.scale.cpu_s)
    before = rig.cpu_s()
    run = calls.run(rig, Side.CONTACTD, rate=rig.scale.cpu_rate, count=count)
    after = rig.cpu_s()
    counted = count - calls.few_failed(run, f"recording at {rig.scale.cpu_rate:g} calls/s")
    return sum(after[name] - before[name] for name in ("asterisk", "contactd")) * 1000 / counted


def highest_rate(rig: Rig, side: Side) -> float:
    """Calls a second without a failed one."""
    scale = rig.scale

    def passes(rate: float) -> bool:
        count = max(1, round(rate * scale.step_s))
        for again in (True, False):
            failed = calls.run(rig, side, rate=rate, count=count).failed()
            say(f"{side.name.lower()}: {rate:g} calls/s, {failed} of {count} failed")
            # One hiccup of the machine is not the end of what it carries; a second one is taken for it.
            if not failed or not again or failed > count * 0.02:
                break
        return not failed

    # No more than there are handsets for, whoever would carry it.
    longest_s = (scale.hold_ms + scale.talk_ms) / 1000 + 1
    return search(
        passes,
        first=scale.first_rate,
        most=scale.agents / longest_s,
        finest=scale.finest,
        deadline=time.monotonic() + scale.search_s,
    )


def search(passes: Callable[[float], bool], *, first: float, most: float, finest: float, deadline: float) -> float:
    """The highest rate that passes, 0 if none does: doubling, then halving the gap until it is `finest`.

    deadline: on the monotonic clock; the last step begins before it.

    >>> search(lambda rate: rate <= 11, first=2, most=100, finest=1.1, deadline=math.inf)
    11
    """
    good, bad = 0.0, math.inf
    rate = first
    while time.monotonic() < deadline or not good:
        if passes(rate):
            good = rate
        else:
            bad = rate
        if good >= most or (good and bad / good <= finest) or bad < 0.1:
            break
        if math.isinf(bad):
            rate = min(good * 2, most)
        else:
            rate = (good + bad) / 2
            # Whole calls a second are fine enough, and easier to repeat.
            rate = round(rate) if good < round(rate) < bad else round(rate, 2)
    return good
