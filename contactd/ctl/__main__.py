"""contactctl's entry point: a sentence and a code, never a traceback."""

from __future__ import annotations

import sys

import click

from contactd.core.errors import ContactdError
from contactd.ctl.cli import cli
from contactd.ctl.exits import exit_of


def main() -> None:
    try:
        cli.main(prog_name="contactctl")
    except ContactdError as error:
        click.echo(f"contactctl: {error}", err=True)
        sys.exit(exit_of(error))


if __name__ == "__main__":
    main()
