"""`mailgate init`, `check`, `doctor`, `migrate`: what an admin does before and beside `serve`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, load, print_json, print_table, print_text, say
from mailgate.errors import EX_CONFIG, EX_UNAVAILABLE

if TYPE_CHECKING:
    from mailgate.cli.checking import Checked
    from mailgate.cli.probing import Look
    from mailgate.settings import Settings

app = typer.Typer()

_MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}
_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write; it must not hold a configuration yet.")] = Path(
        "config"
    ),
    preset: Annotated[str, typer.Option(help="Which company's way of working to start from.")] = "centrium",
    data: Annotated[
        Path, typer.Option(help="Where database, files and keys are to be, as seen from the configuration.")
    ] = Path("data"),
) -> None:
    """Write a configuration that runs, with comments, and the secret keys.

    Example: mailgate init /etc/mailgate --preset centrium --data /var/lib/mailgate
    """
    from mailgate.scaffold import write_configuration

    for path in write_configuration(folder, preset, data):
        print(path)
    say(f"Next: edit {folder / 'mailgate.yaml'}, then `mailgate check --config {folder}`, then `mailgate serve`.")


@app.command()
def check(
    config: ConfigOption = None,
    network: Annotated[bool, typer.Option("--network", help="Also try mailboxes, relay and DNS.")] = False,
    limits: Annotated[bool, typer.Option("--limits", help="Also show every limit in force.")] = False,
    json: JsonOption = False,
) -> None:
    """Name every mistake of mailgate.yaml and the company's files at once; 78 if there is any, 69 if the network fails.

    Example: mailgate check --config /etc/mailgate --network
    """
    from mailgate.cli import checking
    from mailgate.settings import find_config

    path = find_config(config, os.environ)
    found = checking.check(path)
    for one in found.mistakes:
        if json:
            kind = "warning" if one.warning else "mistake"
            print_json({"kind": kind, "file": one.file, "line": one.line, "column": one.column, "reason": one.reason})
        else:
            print_text(str(one), style="" if one.warning else "red", fold=False)
    if limits and found.settings is not None:
        _show_limits(found.settings, json)
    failed = network and _try_network(found, json)
    if not found.good:
        count = sum(1 for m in found.mistakes if not m.warning)
        say(f"mailgate: {count} mistake{'s' if count > 1 else ''} in {path}")
        raise typer.Exit(EX_CONFIG)
    if failed:
        raise typer.Exit(EX_UNAVAILABLE)
    say(f"{path}: no mistakes")


@app.command()
def doctor(
    config: ConfigOption = None,
    node: Annotated[
        bool, typer.Option("--node", help="Only ask the running node, as a container's health check does.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say what is wrong now: database, disk, what waits, mailboxes, relay, DKIM, the running node; 69 if anything is.

    Example: mailgate doctor --config /etc/mailgate
    """
    from mailgate import log
    from mailgate.cli import health

    log.set_up(level="critical")
    settings = load(config)
    if node:
        looks = list(health.running(settings))
        failed = _show_looks(looks, json) or any(look.state != "ok" for look in looks)
    else:
        failed = _show_looks(health.examine(settings), json)
    if failed:
        raise typer.Exit(EX_UNAVAILABLE)


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to this program's schema. `serve` does it too.

    Example: mailgate migrate --config /etc/mailgate
    """
    from mailgate.opening import open_database
    from store import schema

    settings = load(config)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    open_database(settings, migrate=True).close()
    print(f"the database is at schema {schema.newest()}")


def _show_limits(settings: Settings, json: bool) -> None:
    from mailgate.cli import checking

    rows = checking.limits_of(settings)
    if json:
        for key, value, usual in rows:
            print_json({"kind": "limit", "key": key, "value": value, "default": usual})
    else:
        print_table(("limits.", "in force", "default"), [(k, v, d if d != v else "") for k, v, d in rows])


def _try_network(found: Checked, json: bool) -> bool:
    """Whether anything outside failed."""
    import time

    from mailgate import log
    from mailgate.cli import probing

    settings = found.settings
    if settings is None or not settings.addresses:
        say("the network is not tried before mailgate.yaml can be read")
        return False
    log.set_up(level="critical")

    def looks() -> Iterable[Look]:
        say("trying mailboxes …")
        yield from probing.mailboxes(settings, time.monotonic)
        say("trying the relay …")
        yield from probing.relay(settings)
        yield from probing.blobs(settings)
        say("asking DNS …")
        try:
            yield from probing.dns(settings, probing.resolver_of(settings))
        except ValueError as error:
            yield probing.Look("DNS", "failed", str(error))

    return _show_looks(looks(), json)


def _show_looks(looks: Iterable[Look], json: bool) -> bool:
    """Print each as it comes; whether any failed."""
    failed = False
    for look in looks:
        failed = failed or look.state == "failed"
        if json:
            print_json({"kind": "look", "what": look.what, "state": look.state, "text": look.text})
        else:
            print_text(f"{_MARKS[look.state]} {look.what}: {look.text}", style=_STYLES[look.state], fold=False)
    return failed
