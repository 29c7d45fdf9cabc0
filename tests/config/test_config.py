"""The configuration: the sample is right, and what is wrong is refused whole, with its place and remedy."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contactd.config import ConfigErrors, Settings, control_socket, database_access, load, pbx_names
from contactd.config.plan import plan
from contactd.config.reference import FILES_OF_THEIR_OWN, NOT_IN_FORCE
from contactd.config.sections import SecretSections, Sections
from contactd.core.contact import Needs
from contactd.core.ids import AgentId, GroupId, QueueId, SkillId
from contactd.core.plan import VOICE_ONLY, CallbackPlan, Capacity, Medium, MediumLoad, QueuePlan, RoutingStep, Strategy
from tests.config.files import DOCS, dump, sample, sample_secrets, write


def refusal(path: Path) -> ConfigErrors:
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    return caught.value


def keys_of(kind: type[msgspec.Struct], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key that a struct and its sections know; ``*`` stands for an id."""
    for field in msgspec.structs.fields(kind):
        key = (*at, field.name)
        yield key
        inner: Any = field.type
        if get_origin(inner) is dict:
            inner, key = get_args(inner)[1], (*key, "*")
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from keys_of(inner, key)


def in_the_sample() -> list[tuple[str, ...]]:
    """The keys of Sections but those that stand in files of their own."""
    return [key for key in keys_of(Sections) if key[0] not in FILES_OF_THEIR_OWN]


def holders(table: Any, key: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The tables in which the last part of key stands."""
    if not isinstance(table, dict):
        return
    if len(key) == 1:
        if key[0] in table:
            yield table
    elif key[0] == "*":
        for inner in table.values():
            yield from holders(inner, key[1:])
    else:
        yield from holders(table.get(key[0]), key[1:])


def commented(key: tuple[str, ...], text: str) -> bool:
    """Whether it is shown as a comment, or as a section that is one."""
    return bool(re.search(rf"\n# ({key[-1]} = |\[([a-z.]+\.)?{key[-1]}[].])", text))


# --- the sample ---

MOVED = {
    ("privacy", "contact_private_days"),
    ("privacy", "audit_days"),
    ("privacy", "light_party_days"),
    ("jobs", "keep_days"),
}
"""Still read where they stood; the sample shows them as comments, and their new place as a value."""
INSTEAD = {("agents", "*", "remote_number"), ("tty", "skill")}
"""Never beside the key in whose place it stands."""


def test_the_sample_is_right_and_fits_its_secrets(tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").touch(0o640)
    for name in ("contactd", "secrets"):
        (tmp_path / f"{name}.toml").write_text((DOCS / f"{name}.sample.toml").read_text())
    loaded = load(tmp_path / "contactd.toml")
    assert loaded.pbx_secret(next(iter(loaded.pbx))) == "change-me"
    assert loaded.entries["5000"].kind == "menu"
    assert loaded.entries["5900"].kind == "echo"


@pytest.mark.parametrize("key", in_the_sample(), ids=".".join)
def test_the_sample_shows_and_documents_every_key(key: tuple[str, ...]) -> None:
    if key in MOVED | INSTEAD:
        assert f"\n# {key[-1]} = " in (DOCS / "contactd.sample.toml").read_text()
        return
    if key[0] in NOT_IN_FORCE:
        assert commented(key, (DOCS / "contactd.sample.toml").read_text())
        return
    assert list(holders(sample(), key))
    lines = (DOCS / "contactd.sample.toml").read_text().splitlines()
    place = next(
        i
        for i, line in enumerate(lines)
        if line.startswith((f"{key[-1]} =", f"[{key[-1]}")) or (line.startswith("[") and f".{key[-1]}" in line)
    )
    # A comment stands above it, perhaps with other keys that it speaks of in between.
    paragraph = lines[max(0, place - 8) : place + 2]
    assert any(line.startswith("#") for line in paragraph)


@pytest.mark.parametrize("key", list(keys_of(SecretSections)), ids=".".join)
def test_the_secrets_sample_shows_every_key(key: tuple[str, ...]) -> None:
    shown = (DOCS / "secrets.sample.toml").read_text()
    # One that nobody may copy as it stands there is shown as a comment, as is a section of nothing that is in force.
    assert list(holders(sample_secrets(), key)) or commented(key, shown)


def test_every_default_that_the_sample_shows_is_the_default(tmp_path: Path) -> None:
    minimal = load(
        write(
            tmp_path,
            {
                "default_queue": "sales",
                "database": {"dsn": "postgresql://contactd@/contactd"},
                "pbx": {"pbx1": {"host": "127.0.0.1", "username": "contactd"}},
                "queues": {"sales": {}},
            },
            {"pbx": {"pbx1": {"secret": "x"}}},
        )
    )
    shown = load(write(tmp_path, sample()))
    names = ("floor", "state_dir", "log_level", "secrets_file", "spool", "agi", "audiosocket", "web", "ctl", "sign_in")
    for name in names:
        assert getattr(minimal, name) == getattr(shown, name), name
    assert minimal.pbx == shown.pbx
    assert minimal.database.pool_size == shown.database.pool_size
    example = next(iter(shown.queues.values()))
    given = {
        name: getattr(example, name)
        for name in (
            *(
                "label",
                "max_waiting",
                "max_estimated_wait_s",
                "full",
                "unstaffed",
                "calendar",
                "closed",
                "closed_by_hand",
                "record",
                "record_announcement",
                "record_days",
                "welcome",
                "announce_position",
                "announce_wait",
                "keys",
                "messages",
                "skills",
                "steps",
            ),
        )
    }
    assert msgspec.structs.replace(next(iter(minimal.queues.values())), **given) == example


# --- what is wrong is refused ---


# The first to read the sample loads the library of holidays.
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_misspelt_key_is_refused_wherever_it_stands(tmp_path: Path, data: st.DataObject) -> None:
    secret = data.draw(st.booleans())
    kind = SecretSections if secret else Sections
    key = data.draw(st.sampled_from([key for key in keys_of(kind)]))
    known = {other[-1] for other in keys_of(kind) if other[:-1] == key[:-1]}
    place = data.draw(st.integers(0, len(key[-1])))
    letter = data.draw(st.sampled_from("abcxyz_"))
    typo = data.draw(
        st.sampled_from([key[-1][:place] + letter + key[-1][place:], key[-1][:place] + key[-1][place + 1 :]])
    )
    if typo in known or not typo:
        return
    table = sample_secrets() if secret else sample()
    holder = next(holders(table, key), None)
    if holder is None:  # shown as a comment
        return
    holder[typo] = holder.pop(key[-1])
    path = write(tmp_path, sample(), table) if secret else write(tmp_path, table)
    # Without its section, other keys may name what is not there: an agent, say.
    errors = [error for error in refusal(path).errors if error.what == "unknown key"]
    told = [error for error in errors if error.key.split(".")[-1] == typo]
    assert len(told) == 1
    assert told[0].remedy


def set_(*key: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(table: dict[str, Any]) -> None:
        for part in key[:-1]:
            table = table.setdefault(part, {})
        table[key[-1]] = to

    return change


def drop(*key: str) -> Callable[[dict[str, Any]], None]:
    def change(table: dict[str, Any]) -> None:
        for part in key[:-1]:
            table = table[part]
        del table[key[-1]]

    return change


WRONG: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    ("a floor beyond smallint", set_("floor", to=40000), "floor"),
    ("a number in quotes", set_("web", "port", to="9273"), "web.port"),
    ("true for a number", set_("pbx", "pbx1", "port", to=True), "pbx.pbx1.port"),
    ("a port beyond 65535", set_("agi", "port", to=70000), "agi.port"),
    ("a relative folder", set_("state_dir", to="spool"), "state_dir"),
    ("an unknown level", set_("log_level", to="loud"), "log_level"),
    ("a missing key", drop("default_queue"), "default_queue"),
    ("a missing section", drop("database"), "database"),
    ("a section that is a value", set_("queues", "sales", to=5), "queues.sales"),
    ("a password in the dsn", set_("database", "dsn", to="postgresql://u:geheim@h/d"), "database.dsn"),
    (
        "a password after the dsn",
        set_("database", "dsn", to="postgresql://h/d?password=geheim"),
        "database.dsn",
    ),
    ("a dsn of another kind", set_("database", "dsn", to="mysql://h/d"), "database.dsn"),
    ("a spool of one segment", set_("spool", "max_mb", to=16), "spool.max_mb"),
    ("no PBX", set_("pbx", to={}), "pbx"),
    (
        "a username with a line break",
        set_("pbx", "pbx1", "username", to="a\r\nAction: x"),
        "pbx.pbx1.username",
    ),
    ("a PBX's name with a capital", set_("pbx", "PBX2", to={"host": "h", "username": "u"}), "pbx.PBX2"),
    ("a network with host bits", set_("agi", "allow", to=["10.0.0.1/8"]), "agi.allow"),
    ("nobody allowed", set_("agi", "allow", to=[]), "agi.allow"),
    ("a network that is none", set_("audiosocket", "allow", to=["pbx"]), "audiosocket.allow"),
    ("no address to connect to", set_("audiosocket", "advertise", to="::"), "audiosocket.advertise"),
    ("no queue", set_("queues", to={}), "queues"),
    ("a default queue that is not there", set_("default_queue", to="sale"), "default_queue"),
    ("a ring of no time", set_("queues", "sales", "ring_s", to=0), "queues.sales.ring_s"),
    ("a strategy that is none", set_("queues", "sales", "strategy", to="loudest"), "queues.sales.strategy"),
    ("a skill's level of 11", set_("queues", "sales", "skills", "german", to=11), "queues.sales.skills.german"),
    ("a skill with a capital", set_("agents", "bob", "skills", "German", to=1), "agents.bob.skills.German"),
    ("a step at no time", set_("queues", "sales", "steps", "0", to={}), "queues.sales.steps.0"),
    ("a step at a word", set_("queues", "sales", "steps", "soon", to={}), "queues.sales.steps.soon"),
    (
        "a step's key that is none",
        set_("queues", "sales", "steps", "5", to={"skill": {}}),
        "queues.sales.steps.5.skill",
    ),
    (
        "a step's level of 0",
        set_("queues", "sales", "steps", "5", to={"skills": {"x": 0}}),
        "queues.sales.steps.5.skills",
    ),
    ("an agent without weight", set_("agents", "bob", "weight", to=0), "agents.bob.weight"),
    ("a negative boost", set_("queues", "sales", "boost_s", to=-1), "queues.sales.boost_s"),
    ("a queue's id with a space", set_("queues", "a b", to={}), "queues.a b"),
    ("a sound outside the folder", set_("menus", "main", "prompt", to=["../x"]), "menus.main.prompt"),
    ("a sound with a separator", set_("menus", "main", "greeting", to=["a&b"]), "menus.main.greeting"),
    ("a choice of two keys", set_("menus", "main", "choices", "12", to="sales"), "menus.main.choices.12"),
    ("a choice that leads nowhere", set_("menus", "main", "choices", "1", to="x"), "menus.main.choices.1"),
    (
        "a menu's default that is not there",
        set_("menus", "main", "default_choice", to="x"),
        "menus.main.default_choice",
    ),
    ("a line to a menu that is not there", set_("lines", "5000", to="menu:other"), "lines.5000"),
    ("a line of another kind", set_("lines", "5000", to="agent:alice"), "lines.5000"),
    ("an echo of something", set_("lines", "5900", to="echo:sales"), "lines.5900"),
    ("a line of an emergency number", set_("lines", "112", to="queue:sales"), "lines.112"),
    ("a line's number with a space", set_("lines", "50 00", to="queue:sales"), "lines.50 00"),
    ("an agent's queue that is not there", set_("agents", "bob", "queues", to=["x"]), "agents.bob.queues"),
    ("a handset of two agents", set_("agents", "bob", "endpoint", to="1001"), "agents.bob.endpoint"),
    ("the number of two agents", set_("agents", "bob", "number", to="4001"), "agents.bob.number"),
    ("a number of letters", set_("agents", "bob", "number", to="40a"), "agents.bob.number"),
    ("an agent with nowhere to sign in", drop("agents", "bob", "endpoint"), "agents.bob.endpoint"),
    ("a desk with a slash", set_("handsets", "shared", to=["PJSIP/1"]), "handsets.shared"),
    ("an endpoint with a slash", set_("agents", "bob", "endpoint", to="PJSIP/1"), "agents.bob.endpoint"),
    ("an agent's PBX that is not there", set_("agents", "bob", "pbx", to="pbx2"), "agents.bob.pbx"),
    ("a reason of ours", set_("sign_in", "not_ready_reasons", "3", to="rona"), "sign_in.not_ready_reasons.3"),
    ("a reason in both forms", set_("sign_in", "not_ready_reasons", "3", to="break"), "reasons.break"),
    ("a reason twice", set_("sign_in", "not_ready_reasons", to={"3": "x", "4": "x"}), "sign_in.not_ready_reasons.4"),
    ("a declared reason of ours", set_("reasons", "busy", to={}), "reasons.busy"),
    ("the digits of two reasons", set_("reasons", "training", "digits", to="1"), "reasons.training.digits"),
    ("digits of both forms", set_("sign_in", "not_ready_reasons", "2", to="x"), "reasons.training.digits"),
    ("a reason of three digits", set_("reasons", "break", "digits", to="123"), "reasons.break.digits"),
    ("a profile that is not there", set_("agents", "bob", "profile", to="x"), "agents.bob.profile"),
    ("a profile of nothing", set_("profiles", "idle", to={"media": {}}), "profiles.idle.media"),
    ("a medium that is none", set_("profiles", "blended", "media", "fax", to={}), "profiles.blended.media.fax"),
    (
        "two calls at once",
        set_("profiles", "blended", "media", "voice", "most", to=2),
        "profiles.blended.media.voice.most",
    ),
    (
        "a call that is interrupted",
        set_("profiles", "blended", "media", "chat", "interrupts", to=["voice"]),
        "profiles.blended.media.chat.interrupts",
    ),
    (
        "a medium that interrupts itself",
        set_("profiles", "blended", "media", "mail", "interrupts", to=["mail"]),
        "profiles.blended.media.mail.interrupts",
    ),
    (
        "two media that interrupt each other",
        set_("profiles", "p", to={"media": {"chat": {"interrupts": ["mail"]}, "mail": {"interrupts": ["chat"]}}}),
        "profiles.p.media.chat.interrupts",
    ),
    (
        "more than all of an agent",
        set_("profiles", "p", "media", "chat", to={"weight": 101}),
        "profiles.p.media.chat.weight",
    ),
    ("two doors on one port", set_("web", "port", to=4573), "web.port"),
    ("two of the PBX's doors on one port", set_("audiosocket", "port", to=4573), "audiosocket.port"),
    ("a socket's path that is too long", set_("ctl", "socket", to="/" + "x" * 108), "ctl.socket"),
]


@pytest.mark.parametrize(("change", "key"), [(c, k) for _, c, k in WRONG], ids=[name for name, _, _ in WRONG])
def test_it_is_refused_by_its_key_and_with_a_remedy(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], key: str
) -> None:
    table = sample()
    change(table)
    errors = refusal(write(tmp_path, table)).errors
    assert key in {error.key for error in errors}
    assert all(error.remedy and error.file.startswith(str(tmp_path)) for error in errors)


def test_two_pbxes_ask_every_agent_which_one(tmp_path: Path) -> None:
    table, secrets = sample(), sample_secrets()
    table["pbx"]["pbx2"] = {"host": "h", "username": "u"}
    secrets["pbx"]["pbx2"] = {"secret": "y"}
    assert [error.key for error in refusal(write(tmp_path, table, secrets)).errors] == ["agents.bob.pbx"]
    table["agents"]["bob"] |= {"pbx": "pbx2", "endpoint": "1001"}
    loaded = load(write(tmp_path, table, secrets))
    assert {profile.pbx for profile in loaded.plan().agents} == {"pbx1", "pbx2"}


def test_a_wildcard_address_must_say_where_the_pbx_connects(tmp_path: Path) -> None:
    table = sample()
    table["agi"] = {"listen": "0.0.0.0"}
    assert [error.key for error in refusal(write(tmp_path, table)).errors] == ["agi.advertise"]
    table["agi"]["advertise"] = "cc.example.org"
    loaded = load(write(tmp_path, table))
    assert (loaded.agi_host, loaded.audiosocket_host) == ("cc.example.org", "127.0.0.1")


def test_everything_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = (DOCS / "contactd.sample.toml").read_text()
    text = text.replace("ring_s = 25", "ring_s = 2").replace("wrap_up_s = 60", "wrap_up = 60")
    secrets = sample_secrets()
    del secrets["agents"]["bob"]
    secrets["pbx"]["pbx9"] = {"secret": "z"}
    lines = text.splitlines()
    errors = refusal(write(tmp_path, text, secrets)).errors
    assert [(error.key, error.line) for error in errors[:2]] == [
        ("queues.service.ring_s", lines.index("ring_s = 2") + 1),
        ("queues.service.wrap_up", lines.index("wrap_up = 60") + 1),
    ]
    assert {error.key for error in errors[2:]} == {"agents.bob.pin", "pbx.pbx9"}
    assert "wrap_up_s" in errors[1].remedy


def test_a_broken_key_makes_no_second_error_of_who_refers_to_it(tmp_path: Path) -> None:
    table = sample()
    table["queues"]["sales"] = {"ring_s": "x"}
    assert [error.key for error in refusal(write(tmp_path, table)).errors] == ["queues.sales.ring_s"]


@pytest.mark.parametrize("text", ["a = ", "= 1", "[x", "a = 1\na = 2", "\0", "a = '\ud800'"])
def test_what_is_no_toml_names_its_place(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, sample())
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "line" in str(refusal(path))


def test_a_file_that_is_not_there_is_told_and_not_raised_as_oserror(tmp_path: Path) -> None:
    assert "No such file" in str(refusal(tmp_path / "none.toml"))


# --- secrets ---


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o602, 0o666])
def test_a_secrets_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, sample())
    (tmp_path / "secrets.toml").chmod(mode)
    assert "chmod 0640" in str(refusal(path))


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o440])
def test_a_secrets_file_that_only_its_group_may_read_is_taken(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, sample())
    (tmp_path / "secrets.toml").chmod(mode)
    assert load(path)


@pytest.mark.parametrize("pin", [4711, "471", "12345678901", "47a1", "4711\n", ""])
def test_a_wrong_pin_is_refused_and_not_repeated(tmp_path: Path, pin: Any) -> None:
    secrets = sample_secrets()
    secrets["agents"]["alice"]["pin"] = pin
    secrets["pbx"]["pbx1"]["secret"] = "s3cr3t\r\nAction: Originate"
    refused = refusal(write(tmp_path, sample(), secrets))
    assert {error.key for error in refused.errors} == {"agents.alice.pin", "pbx.pbx1.secret"}
    assert "s3cr3t" not in str(refused)
    assert not pin or str(pin).strip() not in str(refused)


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    secrets = sample_secrets()
    secrets["agents"]["alice"]["pin"] = "90210"
    secrets["pbx"]["pbx1"]["secret"] = "geheim"
    loaded = load(write(tmp_path, sample(), secrets))
    for text in (repr(loaded), str(loaded), repr(loaded.secrets), f"{loaded.secrets}", str(loaded.files())):
        assert "90210" not in text
        assert "geheim" not in text


def test_a_pin_is_right_only_for_its_agent(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, sample()))
    alice, bob = loaded.agents
    assert loaded.pin_right(alice, "4711")
    assert not loaded.pin_right(bob, "4711")
    assert not loaded.pin_right(alice, "")
    assert not loaded.pin_right(alice, "\uff14\uff17\uff11\uff11")


# --- what is made of it ---


def settings_of(tmp_path: Path, text: str) -> Settings:
    path = write(tmp_path, sample())
    path.write_bytes(text.encode())
    return load(path)


def test_the_same_file_from_another_system_has_the_same_hash(tmp_path: Path) -> None:
    text = dump(sample())
    ours = settings_of(tmp_path, text)
    assert settings_of(tmp_path, "\ufeff" + text.replace("\n", "\r\n") + "\r\n\r\n").sha256 == ours.sha256
    assert settings_of(tmp_path, text + "\n# a word\n").sha256 != ours.sha256
    assert ours.plan().sha256 == ours.sha256


def test_the_plan_says_what_the_sections_say(tmp_path: Path) -> None:
    plan = load(write(tmp_path, sample())).plan()
    assert [(queue.id, queue.ring_s, queue.wrap_up_s) for queue in plan.queues] == [
        ("sales", 20, 30),
        ("service", 25, 60),
    ]
    assert [(agent.id, agent.pbx, agent.endpoint, agent.queues) for agent in plan.agents] == [
        ("alice", "pbx1", "1001", ("sales", "service")),
        ("bob", "pbx1", "1002", ("service",)),
    ]
    assert (plan.default_queue, plan.pin_tries, plan.pin_lock_s) == ("sales", 3, 300)


def test_an_agent_may_have_no_handset_but_a_number_for_the_desks(tmp_path: Path) -> None:
    table = sample()
    del table["agents"]["bob"]["endpoint"]
    table["agents"]["bob"]["number"] = "4002"
    settings = load(write(tmp_path, table))
    assert [(agent.id, agent.endpoint) for agent in settings.plan().agents] == [("alice", "1001"), ("bob", "")]
    assert [settings.agent_of(number) for number in ("4001", "4002", "4003", "")] == ["alice", "bob", None, None]
    desks = ("1100", "1200", "1299")
    assert all(map(settings.is_shared, desks))
    assert not any(map(settings.is_shared, ("1001", "12000", "120", "1101", "")))
    table["handsets"]["shared"] = []
    assert {error.key for error in refusal(write(tmp_path, table)).errors} == {"agents.bob.endpoint"}


def test_reasons_have_two_forms_and_two_usual_ones(tmp_path: Path) -> None:
    table = sample()
    table["sign_in"]["not_ready_reasons"] = {"7": "errand"}
    table["reasons"]["meeting"] = {"label": "Team meeting"}
    both = load(write(tmp_path, table))
    assert both.reason_codes == {"7": "errand", "1": "break", "2": "training"}, "a meeting is a supervisor's to set"
    assert [(one.id, one.paid, one.longest_s) for one in both.plan().reasons] == [
        ("errand", False, 0),
        ("break", False, 900),
        ("training", True, 0),
        ("meeting", False, 0),
    ]
    del table["reasons"], table["sign_in"]["not_ready_reasons"]
    assert load(write(tmp_path, table)).reason_codes == {"1": "break", "2": "training"}


def test_the_plan_has_the_routing_of_the_sections_with_the_steps_by_time(tmp_path: Path) -> None:
    table = sample()
    table["queues"]["sales"] |= {"strategy": "round_robin", "sticky_s": 15, "boost_s": 30, "only_groups": ["experts"]}
    table["queues"]["sales"]["steps"] = {
        "100": {"lower_by": 2},
        "20": {"strategy": "best_skill", "also_groups": ["reserve"]},
    }
    table["agents"]["bob"]["weight"] = 3
    plan = load(write(tmp_path, table)).plan()
    sales, service = plan.queues
    assert (sales.strategy, sales.sticky_s, sales.boost_s, sales.skills) == ("round_robin", 15, 30, {"german": 7})
    assert sales.only_groups == ("experts",)
    assert sales.steps == (
        RoutingStep(after_s=20, strategy=Strategy.BEST_SKILL, also_groups=(GroupId("reserve"),)),
        RoutingStep(after_s=100, lower_by=2),
    )
    usual = CallbackPlan()
    assert service == QueuePlan(id=QueueId("service"), ring_s=25, wrap_up_s=60, wrap_up_extend_s=60, callback=usual)
    alice, bob = plan.agents
    assert bob.capacity == VOICE_ONLY
    assert alice.capacity == Capacity(
        media={
            Medium.VOICE: MediumLoad(interrupts=(Medium.MAIL,)),
            Medium.CHAT: MediumLoad(most=3, weight=30),
            Medium.MAIL: MediumLoad(weight=60),
        },
        own_calls_take_all=True,
    )
    assert (alice.skills, bob.groups, bob.weight) == ({"german": 9, "english": 6}, ("reserve",), 3)


def test_the_socket_and_the_database_are_found_in_a_file_with_other_faults(tmp_path: Path) -> None:
    table = sample()
    del table["default_queue"]
    table["ctl"]["socket"] = "/run/x.sock"
    path = write(tmp_path, table)
    assert control_socket(path) == "/run/x.sock"
    database, secrets = database_access(path)
    assert database.dsn.startswith("postgresql://")
    assert secrets.password == "change-me"
    assert pbx_names(path) == ["pbx1"]
    (tmp_path / "secrets.toml").unlink()
    assert database_access(path)[1].password is None


def test_an_emergency_number_is_a_line_only_where_the_list_says_that_it_is_none(tmp_path: Path) -> None:
    table = sample()
    table["lines"]["911"] = "queue:sales"
    assert 'take "911" out of emergency_numbers' in str(refusal(write(tmp_path, table)))
    table["emergency_numbers"] = ["112"]
    assert load(write(tmp_path, table)).entries["911"].target == "sales"


# --- anything at all ---

ANYTHING = st.recursive(
    st.none().map(lambda _: "") | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_stands_there_is_taken_or_refused_in_sentences(tmp_path: Path, data: st.DataObject) -> None:
    """One to three keys of the sample or its secrets, with any value: no exception but ConfigErrors."""
    table, secrets = sample(), sample_secrets()
    for _ in range(data.draw(st.integers(1, 3))):
        secret = data.draw(st.booleans())
        key = data.draw(st.sampled_from(list(keys_of(SecretSections if secret else Sections))))
        for holder in holders(secrets if secret else table, key):
            holder[key[-1]] = data.draw(ANYTHING)
            break
    path = write(tmp_path, table, secrets)
    try:
        loaded = load(path)
    except ConfigErrors as refused:
        assert refused.errors
        for error in refused.errors:
            assert error.what and error.remedy and error.file.startswith(str(tmp_path))
    else:
        assert plan(loaded, loaded).changes == ()
        assert loaded.plan().sha256 == loaded.sha256
    for part in (lambda: control_socket(path), lambda: database_access(path), lambda: pbx_names(path)):
        with contextlib.suppress(ConfigErrors):
            part()


def test_a_menus_key_says_what_its_callers_need(tmp_path: Path) -> None:
    table = sample()
    assert load(write(tmp_path, table)).needs_of("main") == {
        "2": Needs(skills={SkillId("english"): 5}, preferred_agent=AgentId("bob"), boost_s=60)
    }
    table["menus"]["main"]["needs"] = {"9": {"agent": "eve", "skills": {"english": 11}, "callback": True}}
    table["customers"]["country"] = ""
    told = "\n".join(map(str, refusal(write(tmp_path, table)).errors))
    assert 'menus.main.needs.9: a key that chooses nothing. Add "9" to [menus.main.choices].' in told
    assert 'menus.main.needs.9.agent: there is no agent "eve"' in told
    assert "menus.main.needs.9.callback: no country's numbers may be called back." in told
    assert "menus.main.needs.9.skills.english: a number that cannot be used here" in told
