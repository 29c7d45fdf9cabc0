"""Within a limit, late, once a contact, and not at all while PostgreSQL is away."""

from __future__ import annotations

import asyncio
import doctest
import time
from types import SimpleNamespace

import pytest

from contactd.config import Customers, CustomerSecrets, Lookup, LookupSecrets
from contactd.core import inputs as inp
from contactd.core.ids import AgentId, ContactId, PartyId, QueueId, SkillId
from contactd.services.crm import known
from contactd.services.crm.recogniser import Recogniser
from contactd.store.parties import Record
from contactd.store.trouble import StoreAway
from contactd.store.vault import Vault

ONE, OTHER = ContactId("one"), ContactId("other")
NUMBER = "+4930887766551"
CUSTOMERS = Customers(
    country="DE",
    match_ms=20,
    vip_boost_s=60,
    vip_skills={SkillId("care"): 3},
    languages={"de": {SkillId("german"): 5}},
    prompt_languages=("de",),
)


def record(party: str = "p", *, vip: bool = False, language: str | None = None) -> Record:
    return Record(PartyId(party), vip, language, False, {QueueId("sales"): AgentId("anna")})


class Slow:
    """A Directory that answers when it is let, as a PostgreSQL whose disk stands still."""

    def __init__(self, *found: Record) -> None:
        self.found = list(found)
        self.let = asyncio.Event()
        self.asked = 0
        self.away = False

    async def arrives(self, vault: Vault, kind: str, value: str, *, days: int, make: bool) -> list[Record]:
        self.asked += 1
        if self.away:
            raise StoreAway("PostgreSQL does not answer.")
        await self.let.wait()
        return self.found


def recogniser(directory: Slow, customers: Customers = CUSTOMERS) -> tuple[Recogniser, list[inp.PartyKnown]]:
    told: list[inp.PartyKnown] = []
    settings = SimpleNamespace(
        customers=customers,
        lookup=Lookup(),
        secrets=SimpleNamespace(customers=CustomerSecrets(), lookup=LookupSecrets()),
    )
    made = Recogniser(directory, settings, lambda input_, _: told.append(input_))  # type: ignore[arg-type]
    return made, told


async def test_an_answer_in_time_is_on_the_floor_before_the_menu() -> None:
    directory = Slow(record(vip=True, language="de"))
    directory.let.set()
    asked, told = recogniser(directory)
    known = await asked.recognise(ONE, "030 887766551")
    assert known is not None and [input_.known for input_ in told] == [known]
    assert (known.skills, known.boost_s, known.agents) == ({"care": 3, "german": 5}, 60, {"sales": "anna"})
    assert [asked.prompts_in(one) for one in (known.language, "de_AT", "fr", None)] == ["de", "de", None, None]


async def test_a_caller_waits_for_the_limit_and_the_answer_is_told_late() -> None:
    directory = Slow(record())
    asked, told = recogniser(directory)
    began = time.monotonic()
    assert await asked.recognise(ONE, NUMBER) is None
    assert time.monotonic() - began < 5  # the answer itself would never have come
    assert told == []
    task = asked.ask(ONE, NUMBER)
    directory.let.set()
    assert task is not None and await task is not None
    assert [input_.contact for input_ in told] == [ONE]
    assert directory.asked == 1
    assert asked.ask(ONE, NUMBER) is None, "one answer a contact"


async def test_while_postgresql_is_away_nobody_waits_for_it() -> None:
    directory = Slow()
    directory.away = True
    asked, told = recogniser(directory)
    assert await asked.recognise(ONE, NUMBER) is None
    assert await asked.recognise(OTHER, NUMBER) is None
    assert directory.asked == 1
    asked._away_until = 0.0
    directory.away, directory.found = False, [record()]
    directory.let.set()
    assert await asked.recognise(ONE, NUMBER) is not None
    assert len(told) == 1


async def test_several_are_told_as_several_and_nobody_as_nothing() -> None:
    directory = Slow(record("p"), record("q", vip=True))
    directory.let.set()
    asked, _ = recogniser(directory)
    known = await asked.recognise(ONE, NUMBER)
    assert known is not None
    assert (known.party, known.matches, known.boost_s, known.agents) == (None, 2, 0, {})
    directory.found = []
    assert await asked.recognise(OTHER, NUMBER) is None


@pytest.mark.parametrize("ani", [None, "", "1001", "anonymous", "sip:eve"])
async def test_who_shows_no_number_is_not_looked_for(ani: str | None) -> None:
    directory = Slow(record())
    asked, _ = recogniser(directory)
    assert await asked.recognise(ONE, ani) is None
    assert directory.asked == 0


async def test_switched_off_nobody_is_looked_for() -> None:
    directory = Slow(record())
    asked, _ = recogniser(directory, Customers(recognise=False))
    assert await asked.recognise(ONE, NUMBER) is None
    assert directory.asked == 0


async def test_nothing_is_left_running() -> None:
    asked, told = recogniser(Slow(record()))
    task = asked.ask(ONE, NUMBER)
    await asked.close()
    assert task is not None and task.cancelled()
    assert told == []


def test_who_speaks_a_language_of_a_country_is_served_in_the_language() -> None:
    assert doctest.testmod(known).failed == 0
    assert known.known_of([record(language="de_AT")], CUSTOMERS).skills == {"german": 5}
    assert known.known_of([record(language="at")], CUSTOMERS).skills == {}
