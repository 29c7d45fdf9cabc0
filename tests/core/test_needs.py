"""What a contact needs, told by several, and as the PBX carries it with the caller."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.core import inputs as inp
from contactd.core.contact import STICKY, Needs
from contactd.core.ids import AgentId, SkillId
from contactd.core.inputs import Place
from contactd.core.needs import MOST_SKILLS, Refused, as_text, from_text, known_of, together
from tests.core.world import ANNA, BILAL, PBX, SALES, World, never_announced, open_world, plan, seen

GERMAN, CARDS = SkillId("german"), SkillId("cards")

_ids = st.from_regex(r"[a-z][a-z0-9_-]{0,31}", fullmatch=True)
some_needs = st.builds(
    Needs,
    skills=st.dictionaries(_ids.map(SkillId), st.integers(1, 10), max_size=MOST_SKILLS),
    preferred_agent=st.none() | _ids.map(AgentId),
    boost_s=st.integers(0, 86400),
)


def test_several_say_their_part() -> None:
    dialplan = Needs(skills={GERMAN: 7, CARDS: 2}, preferred_agent=ANNA, boost_s=30)
    menu = Needs(skills={CARDS: 5}, preferred_agent=BILAL, boost_s=60)
    both = Needs(skills={GERMAN: 7, CARDS: 5}, preferred_agent=BILAL, boost_s=90)
    assert together(dialplan, None, menu) == both
    assert together(menu, dialplan).preferred_agent == ANNA
    assert together(dialplan, Needs(boost_s=86400)).boost_s == 86400
    assert together() == together(None) == Needs()


@given(some_needs)
def test_what_the_channel_carries_is_read_as_it_was_said(needs: Needs) -> None:
    assert from_text(as_text(needs)) == (needs, Refused())


@pytest.mark.parametrize(
    ("text", "read", "refused"),
    [
        ("", Needs(), Refused()),
        ("//", Needs(), Refused()),
        ("german=7", Needs(skills={GERMAN: 7}), Refused()),
        ("german:3&german:7&german:5", Needs(skills={GERMAN: 7}), Refused()),
        ("german:0&cards:5", Needs(skills={CARDS: 5}), Refused(skills=("german:0",))),
        ("German:7&cards&:5&cards:x", Needs(), Refused(skills=("German:7", "cards", ":5", "cards:x"))),
        ("german:\u0667", Needs(), Refused(skills=("german:\u0667",))),
        ("/1anna/", Needs(), Refused(agent="1anna")),
        ("/" + "a" * 33 + "/", Needs(), Refused(agent="a" * 33)),
        ("//86401", Needs(), Refused(boost="86401")),
        ("//-5", Needs(), Refused(boost="-5")),
        ("//5/6", Needs(), Refused(boost="5/6")),
    ],
)
def test_what_cannot_be_read_is_told_and_the_rest_counts(text: str, read: Needs, refused: Refused) -> None:
    assert from_text(text) == (read, refused)


@given(st.text())
def test_anything_at_all_is_read_or_refused(text: str) -> None:
    needs, _ = from_text(text)
    assert from_text(as_text(needs)) == (needs, Refused())
    assert len(needs.skills) <= MOST_SKILLS and 0 <= needs.boost_s <= 86400


def test_a_flood_of_skills_ends() -> None:
    needs, refused = from_text("&".join(f"s{number}:5" for number in range(40)))
    assert len(needs.skills) == MOST_SKILLS and len(refused.skills) == 20


def test_what_nobody_could_give_is_left_out() -> None:
    needs = Needs(skills={GERMAN: 7, CARDS: 5}, preferred_agent=ANNA, boost_s=5)
    assert known_of(needs, {GERMAN, CARDS}, {ANNA}) == (needs, Refused())
    left, refused = known_of(needs, {GERMAN}, {BILAL})
    assert left == Needs(skills={GERMAN: 7}, boost_s=5)
    assert refused == Refused(skills=("cards",), agent="anna")


# --- what the channel carries ---


def sticky() -> World:
    """sales waits for a preferred agent."""
    made = plan()
    sales, *others = made.queues
    sales = msgspec.structs.replace(sales, sticky_s=60)
    return open_world(msgspec.structs.replace(made, queues=(sales, *others)))


def held(world: World, call: inp.CallArrived, needs: Needs | None) -> list[str]:
    input_ = inp.CallHeld(
        contact=call.contact,
        pbx=PBX,
        call=call.call,
        channel=call.channel,
        dnis=call.dnis,
        queue=SALES,
        queued_at=world.now,
        needs=needs,
    )
    world.put(input_)
    return world.kinds()


FOR_ANNA = Needs(preferred_agent=ANNA)


def test_who_was_never_announced_is_known_with_what_the_channel_carries() -> None:
    world = sticky()
    world.sign_in(BILAL)
    call = never_announced(1, world.now)
    assert held(world, call, FOR_ANNA) == ["ContactAdopted", "ContactNeedsSet", "ContactQueued", "ContactOffered"]
    world = sticky()
    world.sign_in(BILAL, ANNA)
    world.put(inp.NotReadyAsked(agent=ANNA, reason="break"))
    assert held(world, call, FOR_ANNA) == ["ContactAdopted", "ContactNeedsSet", "ContactQueued"]
    assert (world.contact(call).needs, world.contact(call).step) == (FOR_ANNA, STICKY)
    world.put(inp.ReadyAsked(agent=ANNA))
    assert world.contact(call).agent == ANNA


def test_what_the_floor_was_told_before_counts() -> None:
    world = sticky()
    call = world.arrive()
    world.put(inp.NeedsAsked(contact=call.contact, needs=FOR_ANNA))
    assert held(world, call, Needs(boost_s=60)) == ["ContactQueued"]
    assert world.contact(call).needs == FOR_ANNA


def test_a_menu_that_broke_off_leaves_the_channels_word() -> None:
    world = sticky()
    call = world.arrive()
    assert held(world, call, Needs(boost_s=60)) == ["ContactNeedsSet", "ContactQueued"]
    assert held(world, call, Needs(boost_s=90)) == []


def test_a_comparison_finds_them_with_what_the_channel_carries() -> None:
    world = sticky()
    call = never_announced(1, world.now)
    found = msgspec.structs.replace(seen(call, Place.HOLD, queued_at=world.now), needs=FOR_ANNA)
    world.compare(found)
    assert world.kinds() == ["ContactAdopted", "ContactNeedsSet", "ContactQueued"]
    assert world.contact(call).step == STICKY
    world.compare(found)
    assert world.kinds() == []
