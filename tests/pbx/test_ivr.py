"""What a caller meets first: the token, the menu, and what is told to the circle and to the dialplan."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from hashlib import sha1
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet

from contactd.core import inputs as inp
from contactd.core.contact import Contact, Known, Needs
from contactd.core.errors import ContactdError
from contactd.core.floor import LiveFloor
from contactd.core.ids import AgentId, PbxId, QueueId, SkillId, contact_id
from contactd.core.plan import AgentProfile, FloorPlan, QueuePlan
from contactd.engine.inbox import Private
from contactd.pbx.agi_session import AgiBroken, AgiTimedOut, CallerGone, SessionClosed
from contactd.pbx.flow_place import PlaceKeeper
from contactd.pbx.ivr import AudioLine, Entry, Menu, Reception, TokenCheck, audio_numbers, echo
from contactd.pbx.needs import NeedsReader
from contactd.protocols.agi import AgiRequest, parse_request
from tests.pbx.fakes import NoTexts, Strangers

PBX, NOW = PbxId("pbx1"), 1_800_000_000.0
CALL = "pbx1-1799999990.7"
SALES, SUPPORT = QueueId("sales"), QueueId("support")
MENU = Menu(
    id="main",
    greeting=("hello",),
    prompt=("press-1", "press-2"),
    choices={"1": SALES, "2": SUPPORT},
    default_choice=SALES,
    timeout_s=2.5,
    tries=2,
)


PLAN = FloorPlan(
    sha256="a" * 64,
    queues=(QueuePlan(id=SALES, skills={SkillId("german"): 3}), QueuePlan(id=SUPPORT)),
    agents=(AgentProfile(id=AgentId("anna"), pbx=PBX, endpoint="1001", queues=(SALES,), skills={SkillId("cards"): 2}),),
    default_queue=SALES,
)


def request(path: str = "menu", *args: str, **headers: str) -> AgiRequest:
    lines = ["agi_network: yes", f"agi_network_script: {path}", f"agi_request: agi://127.0.0.1/{path}"]
    lines += [f"agi_uniqueid: {CALL}", "agi_channel: PJSIP/trunk-00000001"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"agi_arg_{number}: {value}" for number, value in enumerate(args, 1)]
    return parse_request(lines)


@dataclass
class Session:
    """The caller's side: what is pressed, in order, and when something breaks."""

    request: AgiRequest
    keys: list[str | ContactdError] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def _key(self) -> str:
        key = self.keys.pop(0) if self.keys else ""
        if isinstance(key, ContactdError):
            raise key
        return key

    async def answer(self) -> None:
        self.heard.append("answer")

    async def stream_file(self, sound: str, keys: str = "") -> str:
        self.heard.append(sound)
        return self._key()

    async def wait_for_digit(self, timeout_ms: int) -> str:
        self.heard.append(f"wait {timeout_ms}")
        return self._key()

    async def set_variable(self, name: str, value: str) -> None:
        self.variables[name] = value


@dataclass
class Circle:
    """Keeps what it is told."""

    told: list[tuple[inp.Input, Private | None]] = field(default_factory=list)
    clock: Any = field(default_factory=lambda: SimpleNamespace(now=lambda: NOW))
    floor: Any = field(default_factory=lambda: SimpleNamespace(contacts={}))

    def put(self, input_: inp.Input, at: float | None = None, private: Private | None = None) -> None:
        self.told.append((input_, private))


def reception(entry: Entry = MENU, *, accepting: bool = True, hung_up: int | None = None) -> tuple[Reception, Circle]:
    circle = Circle()
    lines = {"5000": entry}
    made = Reception(
        lambda _call: PBX,
        circle,  # type: ignore[arg-type]
        lines=lines,
        default=SUPPORT,
        accepting=lambda: accepting,
        known_by=lambda number, _: (f"known-{number}",),
        hung_up=lambda *_: hung_up,
        audio=None,  # type: ignore[arg-type]
        audio_host="127.0.0.1",
        recogniser=Strangers(),  # type: ignore[arg-type]
        texts=NoTexts(),  # type: ignore[arg-type]
        legs=None,  # type: ignore[arg-type]
        places=PlaceKeeper(Fernet.generate_key()),
    )
    return made, circle


async def meet(
    keys: list[str | ContactdError],
    entry: Entry = MENU,
    dnis: str = "5000",
    *,
    hung_up: int | None = None,
    **headers: str,
) -> tuple[Session, Circle]:
    desk, circle = reception(entry, hung_up=hung_up)
    session = Session(request("menu", "token", "nonce", dnis, **headers), keys)
    await desk(session)  # type: ignore[arg-type]
    return session, circle


async def says(
    text: str, entry: Entry = SALES, *, known: Needs | None = None
) -> tuple[Session, list[Needs], list[Any]]:
    """A call whose channel carries text: the session, what the floor is asked, and what the log tells."""
    desk, circle = reception(entry)
    circle.floor = LiveFloor()
    circle.floor.configure(PLAN, NOW)
    desk._needs = NeedsReader(circle.floor)
    call = contact_id(PBX, CALL, NOW)
    if known is not None:
        circle.floor.contacts[call] = Contact(
            id=call, pbx=PBX, call=CALL, channel="", dnis="", arrived_at=NOW, needs=known
        )
    session = Session(request("menu", "token", "nonce", "5000", "", text), ["1"])
    with structlog.testing.capture_logs() as logs:
        await desk(session)  # type: ignore[arg-type]
    asked = [input_.needs for input_, _ in circle.told if isinstance(input_, inp.NeedsAsked)]
    return session, asked, [entry for entry in logs if entry["event"] == "needs_refused"]


def kinds(circle: Circle) -> list[str]:
    return [type(input_).__name__ for input_, _ in circle.told]


async def test_a_caller_is_announced_with_the_number_beside_and_not_within() -> None:
    _, circle = await meet(["1"], agi_callerid="+49301234", agi_calleridname="Mara")
    (arrived, private), *_ = circle.told
    contact = contact_id(PBX, CALL, NOW)
    known_by = ("known-+49301234",)
    assert arrived == inp.CallArrived(
        contact=contact, pbx=PBX, call=CALL, channel="PJSIP/trunk-00000001", dnis="5000", callers=known_by
    )
    assert private == Private(contact, "+49301234", "Mara")


async def test_a_name_is_kept_as_it_was_meant_and_shows_no_control_character() -> None:
    _, circle = await meet(["1"], agi_callerid=r"4930\1", agi_calleridname=r"\"Bob\" O\\Neill" + "\\\x1b[2J")
    assert circle.told[0][1] == Private(contact_id(PBX, CALL, NOW), r"4930\1", r'"Bob" O\Neill[2J')


@pytest.mark.parametrize("unknown", ["unknown", ""])
async def test_a_withheld_number_is_none(unknown: str) -> None:
    _, circle = await meet(["1"], agi_callerid=unknown, agi_calleridname=unknown)
    assert circle.told[0][1] == Private(contact_id(PBX, CALL, NOW), None, None)


async def test_a_long_name_is_cut() -> None:
    _, circle = await meet(["1"], agi_calleridname="x" * 900)
    private = circle.told[0][1]
    assert private is not None and private.name == "x" * 256


@pytest.mark.parametrize(
    ("keys", "choice", "queue", "heard"),
    [
        (["2"], "2", SUPPORT, ["answer", "hello"]),
        (["", "1"], "1", SALES, ["answer", "hello", "press-1"]),
        (["", "", "2"], "2", SUPPORT, ["answer", "hello", "press-1", "press-2"]),
        (["", "", "", "2"], "2", SUPPORT, ["answer", "hello", "press-1", "press-2", "wait 2500"]),
        (["", "", "", "9", "1"], "1", SALES, ["answer", "hello", "press-1", "press-2", "wait 2500", "press-1"]),
        ([], "", SALES, ["answer", "hello", *(["press-1", "press-2", "wait 2500"] * 2)]),
    ],
    ids=["at-once", "in-prompt", "late-in-prompt", "after", "wrong-then-right", "never"],
)
async def test_the_menu(keys: list[str | ContactdError], choice: str, queue: QueueId, heard: list[str]) -> None:
    session, circle = await meet(list(keys))
    assert circle.told[-1][0] == inp.MenuAnswered(
        contact=contact_id(PBX, CALL, NOW), menu="main", choice=choice, queue=queue
    )
    assert session.variables == {"CONTACTD_QUEUE": queue}
    assert session.heard == heard


async def test_a_line_may_lead_straight_into_a_queue_and_an_unknown_number_into_the_default() -> None:
    session, circle = await meet([], SALES)
    assert (session.heard, session.variables, kinds(circle)) == ([], {"CONTACTD_QUEUE": SALES}, ["CallArrived"])
    session, _ = await meet([], SALES, dnis="7777")
    assert session.variables == {"CONTACTD_QUEUE": SUPPORT}


async def test_a_menu_that_ends_says_nothing_of_the_caller_whom_the_dialplan_may_have_taken_out_of_it() -> None:
    session, circle = await meet(["", CallerGone("gone")])
    assert kinds(circle) == ["CallArrived"]
    assert session.variables == {}


async def test_a_caller_of_whose_hang_up_the_pbx_told_before_the_menu_did_is_gone() -> None:
    _, circle = await meet(["", CallerGone("gone")], hung_up=16)
    assert kinds(circle) == ["CallArrived", "CallerHungUp"]
    assert circle.told[-1][0].cause == 16


@pytest.mark.parametrize("error", [AgiTimedOut("slow"), AgiBroken("?"), SessionClosed("closed")])
async def test_a_menu_that_breaks_off_says_nothing_of_the_caller(error: ContactdError) -> None:
    _, circle = await meet([error])
    assert kinds(circle) == ["CallArrived"]


async def test_while_the_spool_is_full_new_callers_go_to_the_static_queue() -> None:
    desk, circle = reception(accepting=False)
    session = Session(request("menu", "t", "n", "5000"))
    await desk(session)  # type: ignore[arg-type]
    assert (session.variables, circle.told) == ({"CONTACTD_STATIC": "yes"}, [])


def test_the_dialplan_knows_the_numbers_that_make_no_contact() -> None:
    line = AudioLine(echo)
    assert audio_numbers({"5000": MENU, "5001": SALES}) == "-"
    assert audio_numbers({"5900": line, "5000": MENU, "+49301": line}) == "-p49301-5900-"


@pytest.mark.parametrize("transferred", [False, True])
async def test_who_reaches_the_echo_line_is_no_contact_unless_an_agent_sent_a_contact_there(transferred: bool) -> None:
    desk, circle = reception(AudioLine(echo))
    if transferred:
        circle.floor.contacts[contact_id(PBX, CALL, NOW)] = object()
    desk._audio = SimpleNamespace(issue=lambda handler: "a-uuid", port=9)  # type: ignore[assignment]
    session = Session(request("menu", "t", "n", "5000"))
    await desk(session)  # type: ignore[arg-type]
    assert session.variables["CONTACTD_AUDIO"] == "a-uuid"
    assert ("CONTACTD_CALL" in session.variables) is not transferred
    assert circle.told == []


# --- tokens -----------------------------------------------------------------------------------------------------------


def signed(check: TokenCheck, verb: str = "menu", nonce: str = "42", call: str = CALL) -> str:
    """As [contactd-agi] makes it."""
    return sha1(f"{check.key}:{call}:{verb}:{nonce}:{check.key}".encode()).hexdigest()  # noqa: S324


def test_a_token_is_good_once_for_its_call_verb_and_nonce() -> None:
    check = TokenCheck()
    token = signed(check)
    assert not check(request("menu", token))
    assert not check(request("menu", token, "43"))
    assert not check(request("agent/sign-in", token, "42"))
    assert not check(request("menu", signed(check, call="pbx1-1.1"), "42"))
    assert not check(request("menu", signed(TokenCheck()), "42"))
    assert check(request("menu", token, "42", "5000"))
    assert not check(request("menu", token, "42", "5000"))
    assert check(request("menu", signed(check, nonce="43"), "43"))


def test_a_token_of_any_bytes_is_refused_quietly() -> None:
    assert not TokenCheck()(request("menu", "ü\ufffd", "42"))


def test_only_so_many_used_tokens_are_remembered() -> None:
    check = TokenCheck(remember=2)
    for nonce in ("1", "2", "3"):
        assert check(request("menu", signed(check, nonce=nonce), nonce))
    assert not check(request("menu", signed(check, nonce="3"), "3"))


# --- what the caller needs ---


async def test_what_the_dialplan_says_reaches_the_floor() -> None:
    session, asked, refused = await says("german:7&cards:5/anna/60")
    skills = {SkillId("german"): 7, SkillId("cards"): 5}
    assert asked == [Needs(skills=skills, preferred_agent=AgentId("anna"), boost_s=60)]
    assert refused == []
    # It says so itself.
    assert "CONTACTD_NEEDS" not in session.variables


async def test_the_menu_adds_its_part_and_the_channel_carries_both() -> None:
    menu = dataclasses.replace(MENU, needs={"1": Needs(skills={SkillId("cards"): 5}, boost_s=60)})
    session, asked, _ = await says("german:7//", menu)
    assert asked == [Needs(skills={SkillId("german"): 7, SkillId("cards"): 5}, boost_s=60)]
    assert session.variables == {"CONTACTD_NEEDS": "german:7&cards:5//60", "CONTACTD_QUEUE": "sales"}


async def test_nothing_said_asks_nothing() -> None:
    session, asked, _ = await says("")
    assert asked == [] and session.variables == {"CONTACTD_QUEUE": "sales"}


async def test_what_nobody_could_give_is_refused_with_a_remedy_and_the_call_goes_on() -> None:
    session, asked, (refused,) = await says("germn:7&cards:5/eve/soon")
    assert asked == [Needs(skills={SkillId("cards"): 5})]
    assert session.variables["CONTACTD_NEEDS"] == "cards:5//"
    assert (refused["skills"], refused["agent"], refused["boost"]) == (["germn"], "eve", "soon")
    assert "CONTACTD_SKILLS" in refused["remedy"]


async def test_a_caller_who_comes_into_another_line_needs_what_is_said_there() -> None:
    before = Needs(skills={SkillId("cards"): 5})
    assert (await says("", known=before))[1] == [Needs()]
    assert (await says("cards:5//", known=before))[1] == []


async def test_a_caller_is_looked_up_after_the_arrival_and_before_the_menu() -> None:
    desk, circle = reception()
    strangers = Strangers(Known(language="de"), languages=("de",))
    desk._recogniser = strangers  # type: ignore[assignment]
    session = Session(request("menu", "token", "nonce", "5000", agi_callerid="030123"), ["1"])
    await desk(session)  # type: ignore[arg-type]
    assert kinds(circle)[0] == "CallArrived"
    assert [ani for _, ani in strangers.asked] == ["030123"]
    assert session.variables["CHANNEL(language)"] == "de"


async def test_the_language_of_the_sounds_is_only_one_that_the_pbx_has() -> None:
    desk, _ = reception()
    desk._recogniser = Strangers(Known(language="fr"), languages=("de",))  # type: ignore[assignment]
    session = Session(request("menu", "token", "nonce", "5000"), ["1"])
    await desk(session)  # type: ignore[arg-type]
    assert "CHANNEL(language)" not in session.variables
