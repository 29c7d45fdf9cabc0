"""contactctl customers import: a file of customers into PostgreSQL, tried before, told row by row, gone on with."""

from __future__ import annotations

import csv
import gc
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from contactd.ctl.customers import Desk, desk
from contactd.ctl.durations import duration, local
from contactd.services.crm.importing.ahead import Reader, Task, reading_ahead
from contactd.services.crm.importing.lines import FileRefused, Source, look
from contactd.services.crm.importing.mapping import named_columns
from contactd.services.crm.importing.run import Import, Policy, Report, options_hash
from contactd.services.crm.importing.sheet import DELIMITERS
from contactd.store import party_import
from contactd.store.party_import import Holder, Tally


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command's options. again: also a file that was imported before."""

    file: Path
    named: Sequence[str]
    format: str | None
    encoding: str | None
    delimiter: str | None
    on_match: str
    by: Sequence[str]
    report: Path | None
    dry_run: bool
    resume: bool
    again: bool


async def run(config: Path, wanted: Wanted) -> dict[str, Any]:
    """Raises FileRefused, ImportLost, ReaderLost, ConfigErrors, StoreAway, StoreRefused."""
    # Tens of thousands of small objects live for one batch: looking for rings among them costs a sixth of the time.
    gc.set_threshold(100_000)
    source = look(wanted.file, wanted.encoding)
    policy = Policy(wanted.on_match, frozenset(wanted.by))
    async with desk(config) as at:
        delimiter = DELIMITERS[wanted.delimiter] if wanted.delimiter else None
        task = Task(
            source,
            wanted.format,
            delimiter,
            named_columns(wanted.named),
            at.customers.fields,
            at.numbering,
            policy.by,
            at.vault.finder,
        )
        # Refused here, before anything is begun.
        reader = Reader(task)
        reader.close()
        options = options_hash(reader.columns, policy, wanted.delimiter or "", source.encoding)
        number, earlier = await _place(at, source, options, wanted)
        path, out = _report(wanted)
        async with reading_ahead(task, skip=earlier.rows) as ahead:
            with out:
                made = Import(
                    at.connection,
                    at.vault,
                    at.who,
                    ahead,
                    policy,
                    Report(out),
                    number=number,
                    earlier=earlier,
                    told=_progress(),
                )
                tally = await made.run()
    return {
        "import": number,
        "dry_run": wanted.dry_run,
        "rows": tally.rows,
        **asdict(tally),
        "encoding": source.encoding,
        "report": str(path),
        "problems": _first_lines(path),
    }


def show(told: dict[str, Any]) -> None:
    would = told["dry_run"]
    words = "would be " if would else ""
    what = "dry run" if would else f"import {told['import']}"
    click.echo(f"{what}: {told['rows']} rows, read as {told['encoding']}")
    for name, text in (
        ("made", "made: new customers"),
        ("completed", "completed: known from a call only until now"),
        ("updated", "updated: kept already"),
        ("skipped", "skipped: kept already"),
        ("refused", "refused"),
    ):
        if told[name] or name in ("made", "refused"):
            click.echo(f"  {told[name]:>9}  {words if name != 'skipped' else ''}{text}")
    for problem in told["problems"]:
        click.echo(f"  {problem}")
    if told["skipped"] or told["refused"]:
        click.echo(f"Each row that was not taken, with its line and why: {told['report']}")


async def _place(at: Desk, source: Source, options: bytes, wanted: Wanted) -> tuple[int | None, Tally]:
    """Where to begin: the import's number (None: nothing is written) and what was done of it before."""
    before = await party_import.find(at.connection, source.sha256)
    if wanted.dry_run:
        return None, Tally()
    other = await party_import.alone(at.connection)
    if other is not None:
        raise FileRefused(_held_by(other))
    broken = before is not None and not before.ended
    if wanted.resume:
        if before is None or not broken:
            raise FileRefused("No import of this file was broken off: leave --resume out.")
        if before.options != options:
            raise FileRefused("It began with other options: give the same --map, --by, --on-match and --encoding.")
        return before.id, before.tally
    if before is not None and not wanted.again:
        when = f"{local(before.began_at):%Y-%m-%d %H:%M} by {before.who}"
        if broken:
            raise FileRefused(
                f"This file's import of {when} was broken off after {before.position} rows: --resume goes on there,"
                " --again begins anew (who was made then is kept already)."
            )
        raise FileRefused(f"This file was imported {when}: --again does so once more (see --on-match).")
    return await party_import.begin(at.connection, at.who, source.sha256, options), Tally()


def _held_by(other: Holder) -> str:
    began = ""
    if other.began_at is not None and other.still_s is not None:
        at = f"{local(other.began_at):%Y-%m-%d %H:%M:%S}"
        began = f", begun by {other.who} {at}: {other.position} rows so far, the last {duration(other.still_s)} ago"
    return (
        f"Another import runs{began}. Wait for its end, or end it where it runs. Should nobody run it, its host is"
        f" gone: SELECT pg_terminate_backend({other.pid}) in psql."
    )


def _report(wanted: Wanted) -> tuple[Path, TextIO]:
    """Never over another file; without a name, the first free one beside the customers' file."""
    base = wanted.file.with_suffix(".report")
    names = (base.with_name(f"{base.name}{'' if n == 1 else f'-{n}'}.csv") for n in itertools.count(1))
    for path in [wanted.report] if wanted.report is not None else names:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if wanted.report is None:
                continue
            raise FileRefused(f"{path} is there already: name another file for the report.") from None
        except OSError as error:
            raise FileRefused(f"{path} cannot be made ({error.strerror}): name a place with --report.") from None
        return path, os.fdopen(handle, "w", encoding="utf-8", newline="")
    raise AssertionError


def _progress() -> Callable[[Tally], None]:
    if not sys.stderr.isatty():
        return lambda _: None

    def tell(tally: Tally) -> None:
        click.echo(f"\r{tally.rows} rows, {tally.refused} refused", err=True, nl=False)

    return tell


def _first_lines(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = itertools.islice(csv.reader(file), 1, 11)
        return [f"line {line}: {what}{f', {column}' if column else ''}: {why}" for line, what, column, why in rows]
