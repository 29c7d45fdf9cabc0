"""contactctl completion."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door


@make("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(door: Door, shell: str) -> None:
    """What makes a SHELL complete commands and names.

    \b
    bash: contactctl completion bash > /usr/share/bash-completion/completions/contactctl
    zsh:  contactctl completion zsh  > /usr/share/zsh/vendor-completions/_contactctl
    fish: contactctl completion fish > /usr/share/fish/vendor_completions.d/contactctl.fish
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    from contactd.ctl.cli import cli

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    source = kind(cli, {}, "contactctl", "_CONTACTCTL_COMPLETE").source()
    door.show({"shell": shell, "source": source}, lambda answer: click.echo(answer["source"]))
