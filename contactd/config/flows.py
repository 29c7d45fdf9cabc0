"""Flows: from their files to what the calls run, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from contactd.config.destinations import no_country
from contactd.config.problems import Problems
from contactd.config.sections import FlowTest, Line, Sections
from contactd.core.ivr.check import called_in_circles, check_flow
from contactd.core.ivr.flow import Flow, Trouble, fact_kinds, make_flow, variables_of
from contactd.core.ivr.nodes import Queue
from contactd.core.ivr.rehearsal import Rehearsed, rehearse


def flows_of(sections: Sections) -> dict[str, Flow]:
    """Every flow, ready to run. sections: checked."""
    return {flow_id: flow for flow_id, (flow, _) in _made(sections).items()}


def check_flows(sections: Sections, lines: Iterable[Line], into: Problems) -> None:
    """Adds what would leave a caller in a flow without a way, and every rehearsal that does not go as it is written."""
    if not sections.flows or any(into.complained(("flows", flow_id)) for flow_id in sections.flows):
        return
    made = _made(sections)
    flows = {flow_id: flow for flow_id, (flow, _) in made.items()}
    answering = {line.target for line in lines if line.kind == "flow"}
    circles = called_in_circles(flows)
    for flow_id, (flow, troubles) in made.items():
        found = [*troubles, *check_flow(flow, flows, answers=flow_id in answering), *_strangers(sections, flow)]
        if flow.texts and not sections.speech.engine:
            found.append(Trouble(("texts",), "nobody speaks them", 'Give engine = "espeak-ng" under [speech]'))
        if flow_id in circles:
            found.append(Trouble(("nodes",), "the flow calls itself, perhaps by another", "Take one call out"))
        for trouble in found:
            into.add(("flows", flow_id, *trouble.key), trouble.what, trouble.remedy)
    if not any(into.complained(("flows", flow_id)) for flow_id in sections.flows):
        _rehearse_all(sections, flows, into)


def is_test(key: str) -> bool:
    """Whether the key of a problem, such as flows.main.tests.0, is a test's."""
    return key.split(".")[2:3] == ["tests"]


def rehearsed(flow: Flow, flows: Mapping[str, Flow], test: FlowTest) -> tuple[Rehearsed | None, list[str]]:
    """What came of a test, and what was to be otherwise, each as a sentence without a full stop."""
    unknown = [name for name in test.facts if name not in flow.facts]
    if unknown:
        near = ", ".join(get_close_matches(unknown[0], flow.facts, n=3, cutoff=0.3)) or "none"
        return None, [f'there is no fact "{unknown[0]}"; the nearest: {near}']
    came = rehearse(flow, flows, test.caller, test.facts)
    wrong: list[str] = []
    if came.ends != test.ends:
        wrong.append(f"it ended with {came.ends}, and was to end with {test.ends}")
    for word, wanted, found in (("heard", test.hears, came.heard), ("came to", test.passes, came.path)):
        missing = _first_missing(wanted, found)
        if missing is not None:
            wrong.append(f"the caller never {word} {missing}, but: {', '.join(found) or 'nothing'}")
    for name, value in test.variables.items():
        if came.variables.get(name) != value:
            wrong.append(f"{name} became {came.variables.get(name)!r}, and was to become {value!r}")
    if came.left:
        wrong.append(f"the caller was not asked often enough: {came.left} of what they do was left")
    return came, wrong


def _made(sections: Sections) -> dict[str, tuple[Flow, list[Trouble]]]:
    facts = fact_kinds(sections.queues, sections.calendars)
    variables = variables_of({flow_id: section.nodes for flow_id, section in sections.flows.items()}, facts)
    return {
        flow_id: make_flow(
            flow_id,
            section.start,
            section.nodes,
            variables=variables,
            facts=facts,
            languages=section.languages or ("en",),
            currency=section.currency,
            texts=section.texts,
        )
        for flow_id, section in sections.flows.items()
    }


def _strangers(sections: Sections, flow: Flow) -> Iterable[Trouble]:
    for name, node in flow.nodes.items():
        if not isinstance(node, Queue):
            continue
        if sections.queues and node.queue not in sections.queues:
            known = f"Give one of {', '.join(sections.queues)}, or add it to [queues]"
            yield Trouble(("nodes", name, "queue"), f'there is no queue "{node.queue}"', known)
        if node.callback and (trouble := no_country(sections)) is not None:
            yield Trouble(("nodes", name, "callback"), *trouble)
        if node.agent and sections.agents and node.agent not in sections.agents:
            yield Trouble(("nodes", name, "agent"), f'there is no agent "{node.agent}"', "Name another one, or add it")


def _rehearse_all(sections: Sections, flows: Mapping[str, Flow], into: Problems) -> None:
    for flow_id, section in sections.flows.items():
        for n, test in enumerate(section.tests):
            _, wrong = rehearsed(flows[flow_id], flows, test)
            for what in wrong:
                key = ("flows", flow_id, "tests", str(n))
                into.add(key, f'the test "{test.name}" fails: {what}', "Mend the flow, or the test")


def _first_missing(wanted: Iterable[str], found: Iterable[str]) -> str | None:
    left = iter(found)
    return next((one for one in wanted if one not in left), None)
