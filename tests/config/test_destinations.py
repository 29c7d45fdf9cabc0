"""Where callers go instead of waiting: what the configuration may say, and what it is refused for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contactd.config import ConfigErrors, load
from contactd.config.summary import summary
from contactd.core.destination import ToCallback, ToExternal, ToMessage, Tone, ToQueue, ToTone, ToVoicemail
from contactd.core.ids import AgentId, QueueId
from contactd.core.plan import Strategy
from contactd.pbx.furnishing import Furnishing
from tests.config.files import sample, write


def table(queues: dict[str, Any], **top: Any) -> dict[str, Any]:
    made = sample()
    made["queues"] = queues
    made["default_queue"] = next(iter(queues))
    for name in ("menus", "lines", "agents"):
        made.pop(name, None)
    return {**made, **top}


def refused(tmp_path: Path, queues: dict[str, Any], **top: Any) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(write(tmp_path, table(queues, **top), {"pbx": {"pbx1": {"secret": "x"}}}))
    return [str(error).split(":", 1)[1] for error in caught.value.errors]


def test_each_destination_comes_into_the_plan(tmp_path: Path) -> None:
    queues = {
        "a": {
            "max_waiting": 3,
            "full": {"queue": "b"},
            "unstaffed": {"message": "custom/closed"},
            "steps": {"90": {"go": {"external": "+4930123"}}, "30": {"strategy": "round_robin"}},
        },
        "b": {"max_waiting": 1, "full": {"hang_up": "congestion"}, "unstaffed": {"voicemail": "100@sales"}},
    }
    top = {"external_numbers": ["+4930123"]}
    loaded = load(write(tmp_path, table(queues, **top), {"pbx": {"pbx1": {"secret": "x"}}}))
    a, b = loaded.plan().queues
    assert (a.max_waiting, a.full, a.unstaffed) == (3, ToQueue(queue=QueueId("b")), ToMessage(sound="custom/closed"))
    assert (b.full, b.unstaffed) == (ToTone(tone=Tone.CONGESTION), ToVoicemail(box="100@sales"))
    assert [(step.after_s, step.go) for step in a.steps] == [(30, None), (90, ToExternal(number="+4930123"))]
    # Who comes back from there is routed as before it.
    assert a.steps[1].strategy is Strategy.ROUND_ROBIN
    assert loaded.sounds == ("custom/closed",)


def test_a_step_that_goes_is_else_like_the_queue_when_it_is_the_first(tmp_path: Path) -> None:
    queues = {"a": {"only_groups": ["x"], "also_groups": ["y"], "steps": {"9": {"go": {"voicemail": "1"}}}}}
    loaded = load(write(tmp_path, table(queues), {"pbx": {"pbx1": {"secret": "x"}}}))
    step = loaded.plan().queues[0].steps[0]
    assert (step.only_groups, step.also_groups) == (("x",), ("y",))


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        ({"queue": "nowhere"}, "unstaffed.queue", 'no queue "nowhere"'),
        ({"callback": "yes"}, "unstaffed.callback", "Give"),
        ({"callback": False}, "unstaffed.callback", "leads nowhere"),
        ({}, "unstaffed", "leads nowhere"),
        ("voicemail:100", "unstaffed", 'Give a destination: { queue = "<id>" }'),
        ({"voicemail": "100", "queue": "b"}, "unstaffed", "queue and voicemail, and a caller can go to one only"),
        ({"voicemail": "100,s(9)"}, "unstaffed.voicemail", "Give a box"),
        ({"voicemail": "100&200"}, "unstaffed.voicemail", "Give a box"),
        ({"external": "0900123"}, "unstaffed.external", "not among external_numbers"),
        ({"external": "030123,r"}, "unstaffed.external", "2 to 20 digits"),
        ({"external": "${SHELL(x)}"}, "unstaffed.external", "2 to 20 digits"),
        ({"external": "112"}, "unstaffed.external", "an emergency number"),
        ({"external": "5000"}, "unstaffed.external", "a line of contactd's own"),
        ({"message": "../../etc/passwd"}, "unstaffed.message", "up to 48 characters"),
        ({"message": "a&b"}, "unstaffed.message", "up to 48 characters"),
        ({"message": "x" * 49}, "unstaffed.message", "up to 48 characters"),
        ({"hang_up": "rudely"}, "unstaffed.hang_up", 'Give "busy" or "congestion"'),
        ({"voicemial": "100"}, "unstaffed.voicemial", "Write voicemail"),
    ],
)
def test_a_destination_that_cannot_be_is_refused_by_its_key_and_once(
    tmp_path: Path, given: Any, key: str, words: str
) -> None:
    top = {"lines": {"5000": "queue:a"}, "external_numbers": ["112", "5000"]}
    (told,) = refused(tmp_path, {"a": {"unstaffed": given}, "b": {}}, **top)
    assert f"queues.a.{key}:" in told
    assert words in told
    assert told.split(":", 1)[0].isdigit(), told


@pytest.mark.parametrize(
    ("queue", "key", "words"),
    [
        ({"max_waiting": 5}, "max_waiting", "nobody says where who is too many goes"),
        ({"full": {"queue": "b"}}, "full", "never full"),
        ({"max_waiting": 0, "full": {"queue": "b"}}, "max_waiting", "1 to 100000"),
        ({"steps": {"9": {"go": {"queue": "b"}, "boost_s": 3}}}, "steps.9", "no rule here"),
    ],
)
def test_limits_and_steps_that_say_half_are_refused(tmp_path: Path, queue: Any, key: str, words: str) -> None:
    (told,) = refused(tmp_path, {"a": queue, "b": {}})
    assert f"queues.a.{key}:" in told
    assert words in told


def test_what_is_worth_a_look(tmp_path: Path) -> None:
    away = {"skills": {"x": 1}, "steps": {"9": {"skills": {}}, "30": {"go": {"external": "030123"}}}}
    queues = {"a": away, "b": {"unstaffed": {"queue": "a"}}, "c": {}}
    agents = {"anna": {"endpoint": "1001", "queues": ["a"]}}
    made = table(queues, external_numbers=["030123", "030124"], agents=agents)
    secrets = {"pbx": {"pbx1": {"secret": "x"}}, "agents": {"anna": {"pin": "4711"}}}
    _, _, told = summary(load(write(tmp_path, made, secrets))).partition("Worth a look:\n")
    assert [line.strip() for line in told.splitlines() if "calendars." not in line] == [
        "queues.c: no agent serves it; its callers wait until they hang up",
        "queues.a: no agent has what it asks for",
        "external_numbers: no queue sends anybody to 030124, and no agent is there",
    ]


def limit(to: str) -> dict[str, Any]:
    return {"max_waiting": 1, "full": {"queue": to}}


def after(seconds: str, to: str) -> dict[str, Any]:
    return {"steps": {seconds: {"go": {"queue": to}}}}


@pytest.mark.parametrize(
    ("queues", "path"),
    [
        ({"a": limit("a")}, "a -> a"),
        ({"a": limit("b"), "b": {"unstaffed": {"queue": "a"}}}, "a -> b -> a"),
        (
            {"a": {"steps": {"60": {"go": {"queue": "b"}}}}, "b": {"steps": {"120": {"go": {"queue": "a"}}}}},
            "a -> b -> a",
        ),
        ({"c": {}, "a": limit("b"), "b": after("5", "c")}, None),
        ({"a": limit("b"), "b": limit("c"), "c": {"unstaffed": {"queue": "b"}}}, "b -> c -> b"),
    ],
)
def test_queues_that_lead_back_are_refused_with_the_way(tmp_path: Path, queues: Any, path: str | None) -> None:
    if path is None:
        load(write(tmp_path, table(queues), {"pbx": {"pbx1": {"secret": "x"}}}))
        return
    (told,) = refused(tmp_path, queues)
    assert f"callers would go in a circle ({path})" in told


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        ({"remote_number": "030999"}, "remote_number", "not among external_numbers"),
        ({"remote_number": "112"}, "remote_number", "an emergency number"),
        ({"remote_number": "5000"}, "remote_number", "a line of contactd's own"),
        ({"remote_number": "030&1"}, "remote_number", "2 to 20 digits"),
        ({"remote_number": "030123", "endpoint": "1001"}, "remote_number", "a handset as well"),
        ({"remote_number": "030124"}, "remote_number", "the number of bilal as well"),
    ],
)
def test_an_agent_is_called_outside_only_at_a_number_that_is_allowed(
    tmp_path: Path, given: Any, key: str, words: str
) -> None:
    agents = {"anna": {"queues": ["a"], **given}, "bilal": {"queues": ["a"], "remote_number": "030124"}}
    numbers = ["112", "5000", "030123", "030124"]
    made = table({"a": {}}, agents=agents, lines={"5000": "queue:a"}, external_numbers=numbers)
    secrets = {"pbx": {"pbx1": {"secret": "x"}}, "agents": {"anna": {"pin": "4711"}, "bilal": {"pin": "0815"}}}
    with pytest.raises(ConfigErrors) as caught:
        load(write(tmp_path, made, secrets))
    told = str(caught.value.errors[0])
    assert f"agents.anna.{key}:" in told and words in told, told
    assert told.split(":")[1].isdigit(), told


def test_the_floor_knows_a_seat_outside_and_never_the_number(tmp_path: Path) -> None:
    agents = {"anna": {"queues": ["a"], "remote_number": "030123"}}
    made = table({"a": {}}, agents=agents, external_numbers=["030123"])
    secrets = {"pbx": {"pbx1": {"secret": "x"}}, "agents": {"anna": {"pin": "4711"}}}
    settings = load(write(tmp_path, made, secrets))
    assert [profile.endpoint for profile in settings.plan().agents] == ["@anna"]
    assert "030123" not in repr(settings.plan())
    assert settings.remotes_of(settings.pbx_of(AgentId("anna"))) == {"@anna": "030123"}
    assert "followme/options" in settings.sounds


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("110", "an emergency number"),
        ("09001234567", "numbers of its kind are not dialled"),
        ("+88161234567", "numbers of its kind are not dialled"),
        ("+4930123456", None),
        ("1001", None),
        ("4711", None),
    ],
)
def test_what_is_never_dialled_is_not_among_the_numbers_outside(tmp_path: Path, number: str, words: str | None) -> None:
    made = table({"a": {}}, external_numbers=[number], customers={"country": "DE"})
    path = write(tmp_path, made, {"pbx": {"pbx1": {"secret": "x"}}})
    if words is None:
        load(path)
        return
    with pytest.raises(ConfigErrors) as refusal:
        load(path)
    (told,) = [str(problem) for problem in refusal.value.errors]
    assert "external_numbers:" in told and words in told


@pytest.mark.parametrize(
    ("dialling", "key", "words"),
    [
        ({"countries": ["Germany"]}, "countries", "ISO 3166"),
        ({"kinds": ["premium"]}, "kinds", "fixed_line"),
        ({"earliest": "25:00"}, "earliest", "a time of day"),
        ({"earliest": "9:00", "latest": "9:00"}, "latest", "not after earliest"),
        ({"number_an_hour": 0}, "number_an_hour", "1 to 5000"),
    ],
)
def test_rules_of_dialling_that_cannot_be_are_refused(
    tmp_path: Path, dialling: dict[str, Any], key: str, words: str
) -> None:
    with pytest.raises(ConfigErrors) as refusal:
        load(write(tmp_path, table({"a": {}}, dialling=dialling), {"pbx": {"pbx1": {"secret": "x"}}}))
    (told,) = [str(problem) for problem in refusal.value.errors]
    assert f"dialling.{key}:" in told and words in told


def test_the_floor_gets_the_rules_of_dialling_and_our_country_when_none_is_given(tmp_path: Path) -> None:
    dialling = {"latest": "24:00", "all_an_hour": 7, "kinds": ["mobile"]}
    made = table({"a": {}}, dialling=dialling, customers={"country": "DE"})
    rules = load(write(tmp_path, made, {"pbx": {"pbx1": {"secret": "x"}}})).plan().dialling
    assert (rules.countries, rules.kinds, rules.latest_min, rules.all_an_hour) == (("DE",), ("mobile",), 1440, 7)


def test_keys_lead_where_other_destinations_do_and_to_the_menu(tmp_path: Path) -> None:
    queues = {
        "a": {
            "music": "jazz",
            "keys": {
                "1": {"voicemail": "100@sales"},
                "2": {"queue": "b"},
                "3": {"message": "custom/info"},
                "*": {"external": "+4930123"},
                "9": {"menu": True},
            },
        },
        # In a circle by keys goes who wants to.
        "b": {"keys": {"#": {"queue": "a"}}},
    }
    top = {"external_numbers": ["+4930123"]}
    loaded = load(write(tmp_path, table(queues, **top), {"pbx": {"pbx1": {"secret": "x"}}}))
    holds = Furnishing(loaded.queues)
    assert holds.hold_of(QueueId("a")) == (
        "jazz||1=voicemail*100@sales&2=queue*b&3=message*custom/info&*=external*+4930123&9=menu*"
    )
    assert holds.hold_of(QueueId("b")) == "||#=queue*a"
    assert loaded.sounds == ("custom/info",)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"1": {}}, "keys.1: this leads nowhere"),
        ({"1": {"menu": False}}, "keys.1.menu: this leads nowhere"),
        ({"1": {"menu": True, "queue": "b"}}, "queue and menu, and a caller can go to one only"),
        ({"1": {"queue": "a"}}, "keys.1.queue: the queue in which the caller waits"),
        ({"1": {"mailbox": "nosuch"}}, 'keys.1.mailbox: there is no queue "nosuch"'),
        ({"1": {"queue": "nosuch"}}, 'there is no queue "nosuch"'),
        ({"1": {"external": "112"}}, "an emergency number"),
        ({"1": {"external": "030"}}, "not among external_numbers"),
        ({"12": {"menu": True}}, "one key: 0 to 9"),
        ({"1": {"message": "a" * 49}}, "up to 48 characters"),
        ({str(n): {"message": f"{n}" * 48} for n in range(10)}, "more than the PBX takes"),
    ],
)
def test_a_key_that_leads_nowhere_is_refused(tmp_path: Path, keys: dict[str, Any], says: str) -> None:
    whisper = ["w" * 100] * 3 if len(keys) > 5 else []
    assert any(says in error for error in refused(tmp_path, {"a": {"keys": keys, "whisper": whisper}, "b": {}}))


def test_nobody_is_called_back_without_a_country_and_not_with_an_announcement_that_would_not_be_heard(
    tmp_path: Path,
) -> None:
    back = {"unstaffed": {"callback": True}}
    (told,) = refused(tmp_path, {"a": back}, customers={})
    assert "no country's numbers" in told
    recorded = {**back, "record": "always", "record_announcement": "custom/recorded"}
    told, *_ = refused(tmp_path, {"a": recorded}, customers={"country": "DE"})
    assert "queues.a.callback_first:" in told
    queues = {"a": {**back, "callback_first": "customer", "callback_tries": 5, "callback_retry_s": 60}}
    made = table(queues, customers={"country": "DE"})
    (queue,) = load(write(tmp_path, made, {"pbx": {"pbx1": {"secret": "x"}}})).plan().queues
    assert queue.unstaffed == ToCallback() and queue.callback is not None
    assert (queue.callback.first, queue.callback.tries, queue.callback.retry_s) == ("customer", 5, 60)
