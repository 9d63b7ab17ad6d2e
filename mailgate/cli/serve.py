"""`mailgate serve`, `mailgate demo`: the gateway in the foreground."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailgate.cli.common import ConfigOption, load, say

app = typer.Typer()


@app.command()
def serve(
    config: ConfigOption = None,
    roles: Annotated[str, typer.Option(help="What this node does; all by default, separated by commas.")] = "",
    workers: Annotated[int, typer.Option(help="Processes that read and render mail; 0: one a core.")] = 0,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve in the foreground until SIGTERM: mail in, tickets, mail out, pages.

    Example: mailgate serve --config /etc/mailgate --roles smtp,worker,delivery,scheduler
    """
    # Nothing is open yet: a SIGTERM while the program is read in ends it, in order. `run` does better.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from mailgate import log
    from mailgate.serving.serve import Options, choose_roles, run

    log.set_up(level=log_level)
    count = workers or max(1, os.cpu_count() or 1)
    run(load(config), Options(choose_roles(roles), count, _listening))


@app.command()
def demo(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where the demo keeps everything.")] = Path("demo-data"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away what an earlier demo left there.")] = False,
    port_offset: Annotated[
        int | None, typer.Option(metavar="N", help="Move every port by N, when the usual ones are taken.")
    ] = None,
) -> None:
    """Try it all on this machine: gateway, relay, two agents, a customer, everybody's mailbox in the browser.

    Nothing leaves the machine. It says what happens and which line to paste next. Ctrl-C ends it.

    Example: mailgate demo --port-offset 100
    """
    from mailgate import log
    from mailgate.demo.run import Asked, play
    from mailgate.demo.words import words_for

    log.set_up(level="warning")
    play(Asked(data, words_for(os.environ), fresh, port_offset, min(2, os.cpu_count() or 1), _program()))


def _program() -> str:
    """How this program is called from where we are."""
    if shutil.which("mailgate"):
        return "mailgate"
    near = os.path.relpath(sys.argv[0])
    return sys.argv[0] if near.startswith("..") else near


def _listening(bound: dict[str, str]) -> None:
    say("mailgate is serving: " + ", ".join(f"{name} {address}" for name, address in bound.items()))
