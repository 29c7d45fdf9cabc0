"""contactctl's command line: every file of commands/ is one command, read when it is wanted."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import click

from contactd import __version__
from contactd.ctl import commands
from contactd.ctl.door import DEFAULT_CONFIG, Door


class Folder(click.Group):
    """``commands/sign_in.py`` is ``contactctl sign-in``: its attribute ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))
        return sorted(names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        found: click.Command = module.command
        return found


@click.command(cls=Folder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="contactctl")
@click.option("--config", type=click.Path(path_type=Path), envvar="CONTACTD_CONFIG", help=f"Default: {DEFAULT_CONFIG}.")
@click.option("--socket", type=click.Path(), help="The daemon's socket, whatever the configuration says.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts; also after the command.")
@click.pass_context
def cli(context: click.Context, config: Path | None, socket: str | None, as_json: bool) -> None:
    """See what contactd does, act for an agent, and have a contact explained.

    Exit codes: 0 fine, 1 error, 2 usage or configuration, 3 degraded, 4 not found, 5 refused, 6 nobody answers,
    7 not permitted.
    """
    context.obj = Door(config, socket, as_json)
