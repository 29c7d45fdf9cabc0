"""contactctl flow."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from contactd.ctl.command import adding_to
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit

_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"])


class _Flow(click.ParamType):  # type: ignore[type-arg]  # generic in click's newest release only
    name = "flow"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        door = Door(ctx.find_root().params.get("config"))
        found = sorted((_folder(door) / "flows").glob("*.toml"))
        return [CompletionItem(one.stem) for one in found if one.stem.startswith(incomplete)]


def _folder(door: Door) -> Path:
    return door.config_path if door.config_path.is_dir() else door.config_path.parent


@click.group("flow", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """What callers go through before an agent: check, show and try out the files; see where callers leave.

    FLOW is a flow of the configuration; where files are read also a file such as ./main.toml, which is taken as if it
    stood in the folder flows. All but stats need neither the daemon nor PostgreSQL nor a PBX.
    """


_added = adding_to(command)


@_added("check")
@click.argument("flows", metavar="[FLOW]...", nargs=-1, type=_Flow())
def check(door: Door, flows: tuple[str, ...]) -> Exit | None:
    """Everything that is wrong with the flows, with file, line, node and remedy. Exit code 2 with anything wrong."""
    from contactd.ctl import flows as files

    told = files.checked(files.read(door.config_path, flows))
    door.show(told, files.show_checked)
    return Exit.USAGE if told["problems"] else None


@_added("test")
@click.argument("flows", metavar="[FLOW]...", nargs=-1, type=_Flow())
@click.option("--paths", is_flag=True, help="Also what each caller comes to, and hears.")
def test(door: Door, flows: tuple[str, ...], paths: bool) -> Exit | None:
    """Run the tests that stand in the files. Exit code 3 when one fails, 2 when a flow cannot run at all."""
    from contactd.ctl import flows as files

    told = files.tried(files.read(door.config_path, flows))
    door.show(told, lambda told: files.show_tried(told, paths=paths))
    return None if all(one["passes"] for one in told) else Exit.DEGRADED


@_added("show")
@click.argument("flow", type=_Flow())
@click.option("--svg", "file", type=click.Path(path_type=Path), help="A picture into this file; - is standard output.")
def show(door: Door, flow: str, file: Path | None) -> None:
    """FLOW node by node, or as a picture."""
    from contactd.ctl import flows as files

    (found,) = files.read(door.config_path, [flow]).running().values()
    if file is None:
        door.show(files.outline(found), files.show_outline)
        return
    from contactd.ctl.flow_picture import picture

    _draw(file, picture(found))


@_added("stats")
@click.argument("flow", type=_Flow())
@click.option("--from", "first", type=_DAY, help="2026-11-01, or with a time 2026-11-01T08:00; usual: a week ago.")
@click.option("--to", "last", type=_DAY, help="Up to then, not with it; usual: now.")
@click.option("--svg", "file", type=click.Path(path_type=Path), help="A picture, red where callers leave; - is stdout.")
def stats(door: Door, flow: str, first: datetime | None, last: datetime | None, file: Path | None) -> None:
    """Where callers go in FLOW, and where they leave: of those who arrived in the time. Test calls are not counted.

    Reads PostgreSQL, as far as history has come; the daemon need not run. No pressed digits are kept but of menus.
    """
    from contactd.ctl import flows as files

    last = last or datetime.now()
    first = first or last.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=7)
    if first >= last:
        raise click.UsageError("--from is to be before --to.")
    since, until = first.timestamp(), last.timestamp()
    figures = asyncio.run(files.counted(door.config_path, flow, since, until))
    if file is None:
        door.show(files.as_json(flow, figures, since, until), files.show_figures)
        return
    from contactd.ctl.flow_picture import picture

    (found,) = files.read(door.config_path, [flow]).running().values()
    days = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    _draw(file, picture(found, figures, f"{flow}, {days}: {figures.callers} callers, {figures.left} hung up in it"))


def _draw(file: Path, text: str) -> None:
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written ({error.strerror}).") from None
    click.echo(f"drew {file}")
