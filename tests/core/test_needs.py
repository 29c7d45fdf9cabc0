"""What a contact needs, told by several, and as the PBX carries it with the caller."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contactd.core.contact import Needs
from contactd.core.ids import AgentId, SkillId
from contactd.core.needs import MOST_SKILLS, Refused, as_text, from_text, known_of, together

GERMAN, CARDS = SkillId("german"), SkillId("cards")
ANNA, BILAL = AgentId("anna"), AgentId("bilal")

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
