"""contactctl customers import, into a real PostgreSQL: told before, made once, gone on with after a kill."""

from __future__ import annotations

import asyncio
import csv
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contactd.ctl import importing
from contactd.ctl.exits import Exit
from contactd.ctl.importing import Wanted
from contactd.services.crm.importing import run as importing_run
from contactd.services.crm.importing.ahead import Read, ReaderLost
from contactd.services.crm.importing.lines import FileRefused
from contactd.services.crm.importing.run import Import
from contactd.store import party_import
from contactd.store.journal import open_pool
from contactd.store.parties import Directory
from contactd.store.vault import Vault
from tests.ctl.test_contactctl import contactctl
from tests.engine.journal import fetch
from tests.lab.process import until as until_true
from tests.worker.test_worker import settings_of, until

KEY = "ab" * 32
HEADING = "name,phone,mail,external id,customer_number,language,vip,consent:recording,consent:recording:at\n"
MAP = ("external id=external:crm",)
ANNA = "Anna Müller,030 88776-6551,anna@b.example,1,K-1,de,yes,refused,2024-05-01\n"
BERT = "Bert Weber,+4930887766552,bert@b.example,2,=1+1,en,,,\n"
WRONG = "Carla,1001,,3,,,,,\n"
FILE = HEADING + ANNA + BERT + WRONG + "Anna again,,ANNA@b.example,,,,,,\n"
VALUES = ("Anna", "887766551", "b.example", "K-1", "Bert", "Carla")

Run = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def config(database: str, tmp_path: Path) -> Path:
    path = Path(settings_of(tmp_path, database).path)
    secrets = path.with_name("secrets.toml")
    secrets.write_text(f'{secrets.read_text()}\n[customers]\nkey = "{KEY}"\n')
    return path


@pytest.fixture
def imported(config: Path, tmp_path: Path) -> Run:
    async def run(text: str | bytes, **more: Any) -> dict[str, Any]:
        file = tmp_path / "customers.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        usual: dict[str, Any] = {
            "named": MAP,
            "format": None,
            "encoding": None,
            "delimiter": None,
            "on_match": "skip",
            "by": ("phone", "mail", "chat", "external"),
            "report": None,
            "dry_run": False,
            "resume": False,
            "again": False,
        }
        return await importing.run(config, Wanted(file, **{**usual, **more}))

    return run


def counts(told: dict[str, Any]) -> tuple[int, ...]:
    return tuple(told[name] for name in ("made", "completed", "updated", "skipped", "refused"))


def report(told: dict[str, Any]) -> list[list[str]]:
    with Path(told["report"]).open(newline="") as file:
        return list(csv.reader(file))[1:]


async def shown(config: Path, party: str) -> dict[str, Any]:
    ran = await contactctl("--config", str(config), "--json", "customers", "show", party)
    assert ran.code == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    return told


async def test_a_dry_run_says_what_the_run_then_does(database: str, config: Path, imported: Run) -> None:
    before = await imported(FILE, dry_run=True)
    assert await fetch(database, "SELECT count(*) FROM party, party_import") == [0]
    done = await imported(FILE)
    assert counts(before) == counts(done) == (2, 0, 0, 1, 1)
    assert [row[:3] for row in report(done)] == [["4", "refused", "phone"], ["5", "skipped", ""]]
    assert report(before) == report(done)
    assert "as line 2" in report(done)[1][3]
    anna = await shown(config, "anna@b.example")
    assert (anna["name"], anna["language"], anna["vip"]) == ("Anna Müller", "de", True)
    assert {one["value"] for one in anna["identities"]} == {"+4930887766551", "anna@b.example", "crm:1"}
    (consent,) = anna["consents"]
    assert (consent["purpose"], consent["given"], consent["at"], consent["how"]) == (
        "recording",
        False,
        1714521600.0,
        "import",
    )
    assert (await shown(config, "external:crm:2"))["fields"] == {"customer_number": "=1+1"}
    assert await fetch(database, "SELECT DISTINCT source FROM party") == ["import 1"]
    acts = await fetch(database, "SELECT act, outcome FROM audit WHERE act = 'customer-import' ORDER BY id")
    assert acts == [
        ("customer-import", "import 1 began"),
        ("customer-import", "import 1 ended: 2 made, 0 completed, 0 updated, 1 skipped, 1 refused"),
    ]


async def test_no_value_of_a_row_is_in_what_is_printed_or_kept_in_the_clear(
    database: str, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "customers.csv").write_text(FILE)
    words = ("--config", str(config), "customers", "import", str(tmp_path / "customers.csv"), "--map", MAP[0])
    ran = await contactctl(*words)
    assert ran.code == Exit.DEGRADED, ran.err
    again = await contactctl(*words)
    assert again.code == Exit.USAGE and "--again" in again.err
    for words_ in ("import 1: 4 rows, read as utf-8", "2  made", "line 4: refused, phone: ", "with its country"):
        assert words_ in ran.out, ran.out
    told = (tmp_path / "customers.report.csv").read_text()
    rows = await fetch(database, "SELECT party_identity::text FROM party_identity")
    rows += await fetch(database, "SELECT party_private::text FROM party_private")
    rows += await fetch(database, "SELECT party_import::text FROM party_import")
    rows += await fetch(database, "SELECT audit::text FROM audit")
    for value in VALUES:
        assert value not in ran.out + ran.err + told, value
        assert value not in "".join(rows), value
    assert (tmp_path / "customers.report.csv").stat().st_mode & 0o777 == 0o600


async def test_a_file_is_imported_once_and_again_when_it_is_said(database: str, imported: Run) -> None:
    await imported(FILE)
    with pytest.raises(FileRefused, match=r"was imported .* by root: --again"):
        await imported(FILE)
    with pytest.raises(FileRefused, match="No import of this file was broken off"):
        await imported(FILE, resume=True)
    assert counts(await imported(FILE, again=True)) == (0, 0, 0, 3, 1)
    told = await imported(FILE, again=True, on_match="error")
    assert counts(told) == (0, 0, 0, 0, 4)
    assert await fetch(database, "SELECT count(*) FROM party") == [2]


async def test_update_changes_what_a_row_says_and_leaves_what_it_does_not(
    database: str, config: Path, imported: Run
) -> None:
    await imported(FILE)
    more = HEADING + "Anna Weber,+498911223344,anna@b.example,,,,,refused,2024-05-01\n,,,1,K-2,,,given,\n"
    before = await imported(more, on_match="update", dry_run=True)
    assert counts(before) == counts(await imported(more, on_match="update")) == (0, 0, 2, 0, 0)
    anna = await shown(config, "+498911223344")
    assert (anna["name"], anna["language"], anna["vip"]) == ("Anna Weber", "de", True)
    assert anna["fields"] == {"customer_number": "K-2"}
    assert len(anna["identities"]) == 4
    answers = [entry["given"] for entry in anna["timeline"] if entry["kind"] == "consent"]
    assert answers == [True, False], "the same answer of the same day is kept once"
    assert await fetch(database, "SELECT count(*) FROM party") == [2]
    assert await fetch(database, "SELECT outcome FROM audit WHERE act = 'customer-set'") == ["import 2"]
    assert counts(await imported(more, on_match="update", again=True)) == (0, 0, 2, 0, 0)
    assert await fetch(database, "SELECT count(*) FROM party_identity") == [7]


async def test_rows_of_one_customer_in_a_file_are_put_together(config: Path, imported: Run) -> None:
    text = "name,phone,mail\nAnna,,a@b.example\nAnna Müller,+4930887766551,a@b.example\n,+4930887766551,c@b.example\n"
    assert counts(await imported(text, named=(), on_match="update")) == (1, 0, 2, 0, 0)
    anna = await shown(config, "c@b.example")
    assert (anna["name"], len(anna["identities"])) == ("Anna Müller", 3)


async def test_who_only_called_until_now_is_made_whole_and_two_numbers_become_one(
    database: str, config: Path, imported: Run
) -> None:
    pool = await open_pool(database, size=1)
    vault = Vault([bytes.fromhex(KEY)])
    directory = Directory(pool, timeout_s=5)
    for number in ("+4930887766551", "+498911223344"):
        await directory.arrives(vault, "phone", number, days=0, make=True)
    text = "name,phone,work\nAnna,+4930887766551,+498911223344\n"
    named = ("work=phone",)
    assert counts(await imported(text, named=named, dry_run=True)) == (0, 1, 0, 0, 0)
    assert counts(await imported(text, named=named)) == (0, 1, 0, 0, 0)
    found = [
        await directory.arrives(vault, "phone", one, days=0, make=True) for one in ("+4930887766551", "+498911223344")
    ]
    pool.terminate()
    assert [len(records) for records in found] == [1, 1]
    assert found[0][0].party == found[1][0].party and not found[0][0].light
    assert (await shown(config, "+498911223344"))["name"] == "Anna"
    # It can be undone, as any merge.
    merged = await fetch(database, "SELECT id::text FROM party WHERE merged_into IS NOT NULL")
    assert (await contactctl("--config", str(config), "customers", "unmerge", merged[0])).code == 0


async def test_a_row_that_fits_two_customers_is_refused_and_a_household_is_told_apart_by_id(
    database: str, imported: Run
) -> None:
    two = "name,phone,external id\nAnna,+4930887766551,1\nBert,+4930887766551,2\n"
    assert counts(await imported(two, by=("external",))) == (2, 0, 0, 0, 0)
    told = await imported("name,phone\nCarla,+4930887766551\n", named=(), on_match="update")
    assert counts(told) == (0, 0, 0, 0, 1) and "fits 2 customers" in report(told)[0][3]
    told = await imported("name,phone\nCarla,+498911223344\n", named=(), by=("mail",))
    assert counts(told) == (0, 0, 0, 0, 1) and "--by" in report(told)[0][3]
    assert await fetch(database, "SELECT count(*) FROM party") == [2]


async def test_cards_are_imported_as_rows_are(config: Path, imported: Run) -> None:
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Anna\r\nTEL:030 887766551\r\nX-NR:K-1\r\nNOTE:Likes tea.\r\nEND:VCARD\r\n"
    told = await imported(card + "BEGIN:VCARD\r\nFN:Nobody\r\nEND:VCARD\r\n" + card, named=("x-nr=customer_number",))
    assert counts(told) == (1, 0, 0, 1, 1)
    assert [row[0] for row in report(told)] == ["8", "11"]
    anna = await shown(config, "+4930887766551")
    assert anna["fields"] == {"customer_number": "K-1"}
    assert [entry["text"] for entry in anna["timeline"] if entry["kind"] == "note"] == ["Likes tea."]


async def test_a_windows_file_is_read_as_it_is_said_to_be(config: Path, imported: Run) -> None:
    raw = "name;phone\r\nJürgen Groß;030/887766551\r\n".encode("cp1252")
    with pytest.raises(FileRefused, match="--encoding cp1252"):
        await imported(raw, named=())
    assert counts(await imported(raw, named=(), encoding="cp1252")) == (1, 0, 0, 0, 0)
    assert (await shown(config, "+4930887766551"))["name"] == "Jürgen Groß"
    told = await imported(raw, named=(), encoding="utf-8", again=True)
    assert counts(told) == (0, 0, 0, 0, 1) and "encoding" in report(told)[0][3]


async def test_killed_in_the_middle_it_goes_on_where_it_was_and_nothing_is_doubled(
    database: str, config: Path, tmp_path: Path, imported: Run
) -> None:
    rows = 5 * importing_run.BATCH + 17
    text = "name,phone,external id,note\n" + "".join(
        f"Person {n},+4930{10_000_000 + n},{n},tea\n" if n % 100 else f"Person {n},none,,\n" for n in range(rows)
    )
    file = tmp_path / "customers.csv"
    file.write_text(text)
    words = ("--config", str(config), "customers", "import", str(file), "--map", MAP[0])
    owner = await asyncpg.connect(database)
    # It stands still after its first batches: whoever kills it then kills it in the middle of one.
    await owner.execute(
        "CREATE FUNCTION stand() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.position > 5000 THEN"
        " PERFORM pg_sleep(600); END IF; RETURN new; END $$;"
        " CREATE TRIGGER stand AFTER UPDATE ON party_import FOR EACH ROW EXECUTE FUNCTION stand()"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "contactd.ctl", *words)
    waits = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    try:
        await until(database, waits)
        helpers = (await asyncio.to_thread(Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text)).split()
        os.kill(child.pid, signal.SIGKILL)
    finally:
        await child.wait()
    # PostgreSQL notices by itself, in the middle of a statement, and nobody waits for the lock.
    await until(database, waits, wanted=False)
    assert helpers, "the process that reads the file"
    await asyncio.to_thread(until_true, lambda: not any(_runs(pid) for pid in helpers), "it to end by itself")
    await owner.execute("DROP TRIGGER stand ON party_import")
    place, kept = 2 * importing_run.BATCH, 2 * importing_run.BATCH - 40
    assert await fetch(database, "SELECT position, made, refused FROM party_import") == [(place, kept, 40)]
    assert await fetch(database, "SELECT count(*) FROM party") == [kept]
    with pytest.raises(FileRefused, match=f"broken off after {place} rows: --resume"):
        await imported(text)
    with pytest.raises(FileRefused, match="began with other options"):
        await imported(text, resume=True, on_match="update")
    told = await imported(text, resume=True)
    refused = sum(1 for n in range(rows) if n % 100 == 0)
    assert counts(told) == (rows - refused, 0, 0, 0, refused)
    for table in ("party", "party_note", "party_private", "(SELECT DISTINCT lookup FROM party_private) AS names"):
        assert await fetch(database, f"SELECT count(*) FROM {table}") == [rows - refused], table
    assert await fetch(database, "SELECT count(*) FROM party_identity") == [2 * (rows - refused)]
    assert len(report(told)) == refused - 40, "the rest; the first part is in the first report"
    await owner.close()


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_a_reader_that_was_killed_is_told_and_gone_on_after(
    database: str, imported: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Import._take
    text = "phone\n" + "".join(f"+4930{10_000_000 + n}\n" for n in range(3 * importing_run.BATCH))

    async def take(self: Import, read: Read) -> None:
        await taken(self, read)
        for process in multiprocessing.active_children():
            process.kill()

    monkeypatch.setattr(Import, "_take", take)
    with pytest.raises(ReaderLost, match="--resume"):
        await imported(text, named=())
    monkeypatch.undo()
    assert counts(await imported(text, named=(), resume=True)) == (3 * importing_run.BATCH, 0, 0, 0, 0)
    assert await fetch(database, "SELECT count(*) FROM party") == [3 * importing_run.BATCH]


async def test_two_imports_at_once_are_one_and_the_other_is_named(
    database: str, imported: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await asyncpg.connect(database)
    await other.execute("SELECT pg_advisory_lock(1668247414)")
    monkeypatch.setattr(party_import.alone, "__kwdefaults__", {"wait_s": 0.1})
    pid = await other.fetchval("SELECT pg_backend_pid()")
    with pytest.raises(FileRefused, match=rf"Another import runs.*pg_terminate_backend\({pid}\)"):
        await imported(FILE)
    await other.execute("INSERT INTO party_import (sha256, options, who, position) VALUES ('x', 'y', 'eve', 4000)")
    with pytest.raises(FileRefused, match=r"begun by eve .*: 4000 rows so far"):
        await imported(FILE)
    await other.close()
    # One that ends meanwhile is waited for.
    await imported(FILE)


async def test_without_a_key_the_values_are_kept_as_they_are(database: str, config: Path, imported: Run) -> None:
    secrets = config.with_name("secrets.toml")
    secrets.write_text(secrets.read_text().split("[customers]")[0])
    assert counts(await imported(FILE)) == (2, 0, 0, 1, 1)
    assert "=Anna Müller" in await fetch(database, "SELECT value FROM party_private")


async def test_a_report_is_never_over_another_file(imported: Run, tmp_path: Path) -> None:
    first = await imported(FILE, dry_run=True)
    second = await imported(FILE, dry_run=True)
    assert first["report"] != second["report"]
    with pytest.raises(FileRefused, match="is there already"):
        await imported(FILE, dry_run=True, report=Path(first["report"]))
    with pytest.raises(FileRefused, match="cannot be made"):
        await imported(FILE, dry_run=True, report=tmp_path / "none" / "report.csv")


async def test_what_is_held_is_added_to_and_not_written_over(database: str, config: Path, imported: Run) -> None:
    await imported(HEADING + ANNA + BERT)
    held = await contactctl("--config", str(config), "customers", "hold", "anna@b.example", "--reason", "4 O 123/26")
    assert held.code == 0, held.err
    other = "Anna Meier,030 88776-6551,anna@c.example,1,K-2,en,yes,,\n" + BERT.replace("Weber", "Wagner")
    done = await imported(HEADING + other, on_match="update", by=("external",))
    assert counts(done) == (0, 0, 2, 0, 0)
    anna, bert = await shown(config, "external:crm:1"), await shown(config, "external:crm:2")
    assert (anna["name"], anna["fields"]) == ("Anna Müller", {"customer_number": "K-1"})
    assert "anna@c.example" in {one["value"] for one in anna["identities"]}
    assert [one["reason"] for one in anna["holds"]] == ["4 O 123/26"]
    assert bert["name"] == "Bert Wagner"
