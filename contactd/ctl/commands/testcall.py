"""contactctl testcall."""

from __future__ import annotations

import click

from contactd.ctl.command import command as make
from contactd.ctl.door import Door
from contactd.ctl.exits import Exit


@make("testcall")
@click.argument("line", required=False)
@click.option("--keys", help="What to press, such as 1 or 2w1 (w waits half a second). Default: the menu's first key.")
@click.option("--pbx", help="Which PBX places it. Default: the first of the configuration.")
@click.option("--ring", is_flag=True, help="Let a ready agent's handset ring, and talk to who answers.")
@click.option("--listen", type=click.IntRange(1, 60), default=5, show_default=True, help="Seconds to hear something.")
@click.option("--stay", type=click.IntRange(1, 600), help="Seconds to stay afterwards. Default: 5, with --ring 30.")
def command(
    door: Door, line: str | None, keys: str | None, pbx: str | None, ring: bool, listen: int, stay: int | None
) -> Exit | None:
    """Call LINE through the running system, and tell the journey with times.

    LINE is one of [lines]; by default the first menu. No handset rings without --ring. The contact stands in the
    journal, marked as a test call, and in no statistic; it is written down who placed it. Exit code 3 when a step is
    missing.
    """
    from contactd.config import load
    from contactd.ctl import explain
    from contactd.ctl import testcall as calling

    settings = load(door.config_path)
    stay_s = stay if stay is not None else 30 if ring else 5
    wanted = calling.plan(settings, line, keys, pbx, ring=ring, listen_s=listen, stay_s=stay_s)

    def tell_daemon(what: str) -> None:
        door.ask("POST", "/testcalls", {"what": what})

    if unwritten := calling.note(door.config_path, tell_daemon, wanted):
        click.echo(f"It is not written down who places this call: {unwritten}", err=True)

    def tell(step: calling.Step) -> None:
        if not door.json:
            click.echo(f"  {step.after_s:+8.3f} s  {step.what}")

    if not door.json:
        pressing = f", pressing {wanted.keys}" if wanted.keys else ""
        ringing = "handsets may ring" if ring else "no handset will ring"
        click.echo(f"calling {wanted.line} ({wanted.leads}) on {wanted.pbx}{pressing}; {ringing}")
    journey = calling.settled(calling.place(door.config_path, settings, wanted, tell))
    if door.json:
        door.say_json(calling.as_json(journey))
    else:
        if journey.story is not None:
            click.echo("\nthe journal tells:")
            click.echo(explain.as_text(journey.story))
        click.echo()
        for fault in journey.faults:
            click.echo(f"missing: {fault}")
        if not journey.faults:
            click.echo("the call went well")
    return Exit.DEGRADED if journey.faults else None
