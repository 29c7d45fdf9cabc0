"""contactctl cases: from the command line to PostgreSQL and back, as its user reads it."""

from __future__ import annotations

import json
import re
import time
import tomllib
from pathlib import Path

import pytest

from contactd.core.ids import PbxId, contact_id
from contactd.ctl.exits import Exit
from tests.config.files import dump
from tests.ctl.test_contactctl import Ran, contactctl
from tests.engine.journal import fetch
from tests.worker.test_worker import settings_of

ALWAYS_OPEN = {"time_zone": "Europe/Berlin", "hours": {"monday-sunday": "0:00-24:00"}}
COMPLAINT = {
    "label": "Complaint",
    "calendar": "office",
    "first_answer_min": 60,
    "resolution_min": 600,
    "topics": {"delivery": "Delivery"},
    "fields": {"order": {}},
}


@pytest.fixture
def options(database: str, tmp_path: Path) -> tuple[str, str]:
    path = Path(settings_of(tmp_path, database).path)
    table = tomllib.loads(path.read_text())
    path.write_text(dump(table | {"calendars": {"office": ALWAYS_OPEN}, "case_types": {"complaint": COMPLAINT}}))
    return ("--config", str(path))


async def run(options: tuple[str, str], *words: str, code: int = 0) -> Ran:
    ran = await contactctl(*options, "cases", *words)
    assert ran.code == code, ran
    return ran


async def called(database: str) -> str:
    made = contact_id(PbxId("pbx1"), "foreign.1", time.time())
    await fetch(
        database,
        "INSERT INTO contact (id, floor, medium, pbx, call, dnis, queue, agent, arrived_at, connected_at, outcome,"
        " talk_s) VALUES ($1, 1, 'voice', 'pbx1', 'x', '5000', 'sales', 'anna', now(), now(), 'handled', 61)",
        made,
    )
    return made


async def test_a_case_from_the_first_to_the_last_command(database: str, options: tuple[str, str]) -> None:
    assert "there is no such case" in (await run(options, "list")).out
    contact = await called(database)
    words = ("--subject", "Parcel lost", "--topic", "delivery", "--queue", "sales", "--set", "order=K-4711")
    number = (await run(options, "add", *words, "--contact", contact)).out.strip()
    assert re.fullmatch(r"C-[1-9]\d{4}-\d{5}", number)
    await run(options, "note", number, "Asked the courier.")
    shown = (await run(options, "show", number)).out
    for said in (
        f"case {number}: Complaint, new, topic delivery; since ",
        "subject          Parcel lost",
        "order            K-4711",
        "owner            queue sales",
        "first answer     kept, ",
        "of the hours of office",
        "note by root: Asked the courier.",
        f"root: linked {contact}",
        "with anna for 1 min 1 s, handled",
        "root: made, complaint",
    ):
        assert said in shown, shown
    listed = (await run(options, "list")).out
    assert re.search(rf"{number} +complaint +new +delivery +queue sales +resolution (9 h 59|10 h 0) min left", listed)
    assert "Parcel" not in listed
    assert "Parcel" in (await run(options, "list", "--subjects", "--queue", "sales")).out
    assert (await run(options, "set", number, "--agent", "alice", "--status", "in_progress")).out == (
        f"{number}: complaint, in_progress, agent alice\n"
    )
    assert "no such case" in (await run(options, "list", "--queue", "sales")).out
    assert (await run(options, "close", number)).out == f"{number}: complaint, closed, agent alice\n"
    assert "no such case" in (await run(options, "list")).out
    assert number in (await run(options, "list", "--all")).out
    assert (await run(options, "reopen", number)).out == f"{number}: complaint, in_progress, agent alice\n"
    told = json.loads((await contactctl(*options, "--json", "cases", "show", number)).out)
    assert (told["number"], told["words"]["order"], told["contacts"]) == (number, "K-4711", [contact])
    assert await fetch(database, "SELECT count(*) FROM audit WHERE act = 'read' AND case_id IS NOT NULL") == [3]


async def test_a_slip_is_told_and_finds_no_other_case(options: tuple[str, str]) -> None:
    number = (await run(options, "add")).out.strip()
    slip = number[:-1] + str((int(number[-1]) + 1) % 10)
    ran = await run(options, "show", slip, code=Exit.NOT_FOUND)
    assert f"{slip} is no case's number: a digit is wrong" in ran.err
    ran = await run(options, "show", "C-10473-62946", code=Exit.NOT_FOUND)
    assert "There is no case C-10473-62946" in ran.err
    assert "give its number" in (await run(options, "show", "anna", code=Exit.NOT_FOUND)).err
    whole = json.loads((await contactctl(*options, "--json", "cases", "show", number)).out)["id"]
    assert number in (await run(options, "show", whole[:18])).out


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("--type", "complant"), "no type of case complant", Exit.REFUSED),
        (("--status", "done"), "is never done", Exit.REFUSED),
        (("--agent", "nobody"), "no agent nobody", Exit.REFUSED),
        (("--set", "size"), "FIELD=VALUE", Exit.USAGE),
        (("--set", "subject=x"), "--subject", Exit.USAGE),
        (("--subject", "two\nlines"), "one line", Exit.ERROR),
        (("--party", "+49301234567"), "no such customer", Exit.NOT_FOUND),
    ],
)
async def test_what_cannot_be_is_told_with_the_remedy(
    database: str, options: tuple[str, str], words: tuple[str, ...], says: str, code: Exit
) -> None:
    assert says in (await run(options, "add", *words, code=code)).err
    assert await fetch(database, "SELECT count(*) FROM customer_case") == [0]


async def test_a_strangers_words_do_not_move_the_cursor(database: str, options: tuple[str, str]) -> None:
    number = (await run(options, "add")).out.strip()
    await run(options, "note", number, "evil \x1b[2J\x07 words")
    shown = (await run(options, "show", number)).out
    assert "evil ?[2J? words" in shown and "\x1b" not in shown


async def test_what_breaks_next_is_listed_the_most_urgent_first(database: str, options: tuple[str, str]) -> None:
    assert "no target breaks so soon" in (await run(options, "due")).out
    late, later = [(await run(options, "add", "--queue", "sales")).out.strip() for _ in range(2)]
    digits = late.replace("-", "")[1:]
    sets = ", ".join(f"{column} = {column} - interval '2 h'" for column in ("since", "due", "warn_at"))
    back = f"UPDATE case_target SET {sets}"
    await fetch(database, f"{back} WHERE case_id = (SELECT id FROM customer_case WHERE number = '{digits}')")
    due = (await run(options, "due", "--within", "2h")).out.splitlines()
    assert re.search(rf"{late} +first answer +\S+ \S+ +(59 min|1 h 0 min).* late +broken +queue sales", due[1]), due
    assert re.search(rf"{later} +first answer .* left +running", due[2]) and len(due) == 3
    assert "no target" in (await run(options, "due", "--agent", "alice")).out
    assert "is no time" in (await run(options, "due", "--within", "soon", code=Exit.USAGE)).err


async def test_first_contact_resolution_stands_beside_its_formula(database: str, options: tuple[str, str]) -> None:
    assert "no contact arrived then" in (await run(options, "fcr", "--from", "2026-01-01", "--to", "2026-02-01")).out
    party = "01900000-0000-7000-8000-000000000001"
    for number, day in enumerate((3, 5, 20)):
        await fetch(
            database,
            "INSERT INTO contact (id, floor, medium, pbx, call, dnis, queue, arrived_at, outcome, party)"
            " VALUES ($1, 1, 'voice', 'pbx1', 'x', '5000', 'sales', $2::text::timestamptz, 'handled', $3)",
            *(f"01900000-0000-7000-8000-00000000010{number}", f"2026-01-{day:02} 12:00+00", party),
        )
    told = (await run(options, "fcr", "--from", "2026-01-01", "--to", "2026-02-01", "--contacts", "5")).out
    assert "contacts without a further one by that customer on that topic within 7 days / contacts" in told
    assert re.search(r"(?m)^all +3 +0 +0 +3 +1 +66\.7%$", told), told
    assert "01900000-0000-7000-8000-000000000100  2026-01-03" in told
    assert (
        "--from is to be before"
        in (await run(options, "fcr", "--from", "2026-02-01", "--to", "2026-01-01", code=Exit.USAGE)).err
    )
