"""The daemon's command line: contactd run | worker | migrate | check-config."""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from pathlib import Path

import click

from contactd import __version__
from contactd.config import DEFAULT_PATH, ConfigErrors, load
from contactd.core.errors import ContactdError

FENCED = 75
"""EX_TEMPFAIL: another one took over; started again, this one stands by."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="contactd")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="CONTACTD_CONFIG",
    help="The folder of the configuration, or its only file.",
)
@click.pass_context
def cli(context: click.Context, path: Path) -> None:
    """An on-premises contact centre beside Asterisk and PostgreSQL."""
    context.obj = path


@cli.command()
@click.option("--take-over", is_flag=True, help="Do not wait for the contactd that holds the floor: fence it.")
@click.pass_obj
def run(path: Path, take_over: bool) -> None:
    """Steer, until SIGTERM. SIGHUP loads the configuration again."""
    # Imported here: check-config and --help need none of it.
    from contactd import log  # noqa: PLC0415
    from contactd.daemon import Daemon  # noqa: PLC0415
    from contactd.engine.appender import Fenced  # noqa: PLC0415

    # systemd's watchdog sends SIGABRT: the journal then tells where the circle was stuck (lines of code, no values).
    faulthandler.enable()
    settings = load(path)
    log.configure(settings.log_level)

    async def main() -> None:
        await Daemon(settings, take_over=take_over).run()

    try:
        asyncio.run(main())
    except Fenced as fenced:
        click.echo(str(fenced), err=True)
        sys.exit(FENCED)
    except (MemoryError, RuntimeError) as error:
        if not _for_want_of_memory(error):
            raise
        log.die_out_of_memory()


@cli.command()
@click.pass_obj
def worker(path: Path) -> None:
    """Do the jobs that take long, one after the other, until SIGTERM. SIGHUP loads the configuration again."""
    from contactd import log  # noqa: PLC0415
    from contactd.worker import Worker  # noqa: PLC0415

    faulthandler.enable()
    settings = load(path)
    log.configure(settings.log_level)

    async def main() -> None:
        await Worker(settings).run()

    asyncio.run(main())


def _for_want_of_memory(error: BaseException | None) -> bool:
    """The last words may be another error's: without memory there is no thread to end the others with."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


@cli.command()
@click.pass_obj
def migrate(path: Path) -> None:
    """Bring the database up to date, as its owner; cut the journal's month; forget what is old."""
    from contactd.config.retention import retention_days  # noqa: PLC0415
    from contactd.services.crm.callers import found_by  # noqa: PLC0415
    from contactd.services.crm.recogniser import numbering_by, vault_with  # noqa: PLC0415
    from contactd.store.migrate import migrate as bring_up  # noqa: PLC0415

    settings = load(path)
    done = asyncio.run(
        bring_up(
            settings.database.migrate_dsn or settings.database.dsn,
            password=settings.secrets.database.migrate_password or settings.secrets.database.password,
            days=retention_days(settings.retention, settings.privacy, settings.jobs),
            vault=vault_with(settings.secrets.customers),
            found_by=found_by(numbering_by(settings.customers)),
        )
    )
    for migration in done:
        click.echo(f"ran {migration.number:04} {migration.name}")
    if not done:
        click.echo("the database is up to date")


@cli.command("check-config")
@click.pass_obj
def check_config(path: Path) -> None:
    """Read the configuration whole, and say everything that is wrong with it."""
    from contactd.config.summary import summary  # noqa: PLC0415

    click.echo(summary(load(path)))


def main() -> None:
    """The entry point: an operator reads a sentence, not a traceback."""
    try:
        cli(standalone_mode=True)
    except ConfigErrors as refused:
        for error in refused.errors:
            click.echo(str(error), err=True)
        count = "1 error" if len(refused.errors) == 1 else f"{len(refused.errors)} errors"
        click.echo(f"contactd: {count} in the configuration; nothing of it is used.", err=True)
        sys.exit(1)
    except ContactdError as error:
        click.echo(f"contactd: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
