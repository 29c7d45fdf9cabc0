"""Who dialled outside how often, by brute force beside the floor: what its limits count."""

from __future__ import annotations

from contactd.core import events as ev
from contactd.core import inputs as inp
from contactd.core.agent import Agent
from contactd.core.destination import ToExternal
from contactd.core.floor import LiveFloor
from contactd.core.step import Step


class DialOuts:
    """Every number that was dialled, told from the events alone."""

    def __init__(self) -> None:
        self.times: list[tuple[float, str | None]] = []

    def follow(self, made: Step, floor: LiveFloor) -> None:
        new: list[tuple[float, str | None]] = []
        for event in made.events:
            if isinstance(event, ev.ContactDiverted) and isinstance(event.to, ToExternal) and event.why != "found":
                new.append((made.at, event.queue))
            elif isinstance(event, ev.DiversionFailed) and event.failure == "rate":
                new.pop()
                assert self._full(made.at, floor, len(new))
            elif isinstance(event, ev.ContactOffered) and _outside(floor.agents[event.agent]):
                new.append((made.at, floor.contacts[event.contact].queue))
            elif isinstance(event, ev.CustomerDialled):
                assert not self._full(made.at, floor)
                new.append((made.at, floor.contacts[event.contact].queue))
        self.times += new
        rules = floor.state.plan.dialling if floor.state.plan is not None else None
        # Of a key that nobody heard the call was made long ago.
        pressed = isinstance(made.input, inp.KeyPressed)
        late = [one for one in made.events if isinstance(one, ev.ContactDiverted) and one.why == "key" and not pressed]
        sent = [one for one in made.events if isinstance(one, ev.ContactDiverted) and isinstance(one.to, ToExternal)]
        if rules is not None and rules.all_an_hour is not None and sent and new and not late:
            agents = sum(isinstance(one, ev.ContactOffered) for one in made.events)
            assert self._recent(made.at) - agents <= max(rules.all_an_hour, self._recent(made.at) - len(new))

    def _full(self, at: float, floor: LiveFloor, new: int = 0) -> bool:
        most = floor.state.plan.dialling.all_an_hour if floor.state.plan is not None else None
        return most is not None and self._recent(at) + new >= most

    def _recent(self, at: float) -> int:
        return sum(time > at - 3600 for time, _ in self.times)


def _outside(agent: Agent) -> bool:
    return agent.endpoint.startswith("@")
