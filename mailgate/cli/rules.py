"""`mailgate rules`: other rules tried out on one mail or on a period, before they are in force. Nothing is changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailgate.cli.common import JsonOption, house, load, print_json, print_text, say
from mailgate.errors import ConfigError, DataError, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailgate.app import House
    from mailgate.flows.replaying import Replayed
    from mailgate.flows.site import Site
    from mailgate.i18n import Translator
    from mailgate.notify.explained import Explained

app = typer.Typer(no_args_is_help=True, help="Try other rules on a mail, or on what happened lately.")

TrialOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="What is tried out: a rules.yaml (or workflow, sla, …), a folder with such files, or a configuration.",
    ),
]
RunningOption = Annotated[
    Path | None,
    typer.Option("--running", help="The configuration in force; default as for every command (MAILGATE_CONFIG, …)."),
]
_SHOWN = 200


@app.command("copy")
def copy_in_force(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the copies go; made if it is not there.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="rules, workflow, sla, topics, …; default rules.")
    ] = None,
    running: RunningOption = None,
) -> None:
    """Copy files that are in force, from beside mailgate.yaml or out of the preset, to a folder where to try changes.

    A file that is there already is never overwritten.

    Example: mailgate rules copy new rules departments
    """
    from mailgate.company import FILES
    from mailgate.resources import data_folder
    from mailgate.scaffold import preset_folder
    from mailgate.yamlfile import did_you_mean

    settings = load(running)
    wanted = list(dict.fromkeys(name.removesuffix(".yaml") for name in names or ["rules"]))
    for name in wanted:
        if name not in FILES:
            raise DataError(f"there is no file {name}.yaml{did_you_mean(name, FILES)}; there are {', '.join(FILES)}")
        if (folder / f"{name}.yaml").exists():
            raise DataError(f"{folder / f'{name}.yaml'} is there already")
    os.umask(os.umask(0o077) | 0o022)  # whoever could write into it could give the gateway orders
    folder.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        places = (settings.folder / f"{name}.yaml", preset_folder(settings.preset) / f"{name}.yaml")
        text = next(place for place in places if place.is_file()).read_text(encoding="utf-8")
        schema = data_folder("config") / "schema" / f"{name}.json"
        text = text.replace(f"$schema=../../schema/{name}.json", f"$schema={schema}", 1)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        print_text(str(folder / f"{name}.yaml"))


@app.command("test")
def try_one(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A mail as a file (.eml).")],
    config: TrialOption = None,
    running: RunningOption = None,
    mail_from: Annotated[
        str | None, typer.Option("--mail-from", help="The envelope's sender; <> is the null one.")
    ] = None,
    rcpt: Annotated[list[str] | None, typer.Option("--rcpt", help="A recipient; may be repeated.")] = None,
    json: JsonOption = False,
) -> None:
    """Say what would become of a mail, now or under other rules, and what would be otherwise.

    Example: mailgate rules test urgente.eml --config new/rules.yaml
    """
    from dataclasses import replace

    from mailgate.cli import explain
    from mailgate.notify.explained import lines_of

    if not file.is_file():
        raise DataError(f"there is no file {file}")
    with house(running) as opened:
        (now,) = explain._of_file(opened, file, mail_from, rcpt or [])
        shown, differences = now, []
        if config is not None:
            trial = replace(opened, site=_trial(opened, config))
            (shown,) = explain._of_file(trial, file, mail_from, rcpt or [])
            differences = _differences(now, shown, _speaker(opened))
        if json:
            print_json({"file": str(file), **explain._values(shown), "differences": differences})
            return
        speaker = _speaker(opened)
        for line in lines_of(shown, speaker):
            print_text(line.text, style=line.style)
        if config is not None:
            _print_test(differences, speaker)


@app.command("replay")
def try_period(
    config: TrialOption = None,
    since: Annotated[str, typer.Option("--since", metavar="7d", help="How far back: 48h, 7d, 4w.")] = "7d",
    running: RunningOption = None,
    json: JsonOption = False,
) -> None:
    """Take what happened since then, timers included, through the rules in force and through others.

    Everything happens in memory, by a clock of its own: nothing is sent and nothing is changed.

    Example: mailgate rules replay --since 7d --config new/rules.yaml
    """
    from mailgate.clock import parse_duration
    from mailgate.flows import replaying
    from mailgate.opening import mail_limits
    from store import happenings

    try:
        length = parse_duration(since)
    except ValueError:
        raise DataError(f"{since!r} is not a time; write it like 48h or 7d") from None
    if length <= timedelta():
        raise DataError(f"{since!r} is no time at all; write it like 48h or 7d")
    with house(running) as opened:
        site = opened.site
        other = _trial(opened, config) if config is not None else site
        until = site.clock()
        begin = until - length
        with opened.database.read() as connection:
            total = happenings.count_since(connection, begin)
            with _progress(total, quiet=json) as step:
                events = replaying.events_since(connection, site, begin, mail_limits(opened.settings), step)
            rests = replaying.rests_since(connection, begin)
        with _progress(len(events), quiet=json) as step:
            found = replaying.replay(events, site, other, begin, until, step, rests)
        if json:
            print_json(_values(found, since))
        else:
            _print_replay(found, since, _speaker(opened))


def _trial(opened: House, given: Path) -> Site:
    """The site under the files that are tried out. Raises ConfigError with their mistakes."""
    from mailgate.app import on_trial, read_company_of
    from mailgate.settings import load_settings

    if not given.exists():
        raise ConfigError([Mistake(str(given), 0, 0, "there is no such file or folder")])
    whole = given / "mailgate.yaml" if given.is_dir() else given
    if whole.name == "mailgate.yaml" and whole.is_file():
        return on_trial(opened.site, read_company_of(load_settings(whole)))
    return on_trial(opened.site, read_company_of(opened.settings, trial=_known(given)))


def _known(given: Path) -> Path:
    from mailgate.company import FILES as names

    found = [p.stem for p in given.glob("*.yaml")] if given.is_dir() else [given.stem]
    if not any(name in names for name in found):
        reason = f"nothing to try out here; files are named {', '.join(f'{n}.yaml' for n in names)}"
        raise ConfigError([Mistake(str(given), 0, 0, reason)])
    return given


def _speaker(opened: House) -> Translator:
    from mailgate.i18n import Translations
    from mailgate.resources import data_folder

    translations = Translations.load(data_folder("templates") / "translations")
    return translations.translator(opened.settings.locale, opened.settings.timezone)


# --- one mail ---------------------------------------------------------------------------------------------------------


def _differences(now: Explained, then: Explained, speaker: Translator) -> list[dict[str, str]]:
    """What of outcome, actions and notices is otherwise."""
    found = []
    if (now.outcome, now.reason) != (then.outcome, then.reason):
        found.append({"what": "outcome", "old": now.outcome, "new": then.outcome})
    told = ("action", _actions(now, speaker), _actions(then, speaker)), ("notice", _notices(now), _notices(then))
    for what, before, after in told:
        old, new = Counter(before), Counter(after)
        found += [{"what": what, "old": one, "new": ""} for one in (old - new).elements()]
        found += [{"what": what, "old": "", "new": one} for one in (new - old).elements()]
    return found


def _actions(one: Explained, speaker: Translator) -> list[str]:
    from mailgate.notify.explained import actions_of

    return actions_of(one.record, speaker) if one.record else []


def _notices(one: Explained) -> list[str]:
    notices = one.record["notices"] if one.record else []
    return [f"{n['notice']} {n['to']}" for n in notices if not n["suppressed"]]


def _print_test(differences: list[dict[str, str]], speaker: Translator) -> None:
    print_text(speaker.t("command.rules.title"), style="bold cyan")
    if not differences:
        print_text("  " + speaker.t("command.rules.same"), style="dim")
    for one in differences:
        print_text(_sign(one["old"], one["new"], speaker), style=_style(one["old"], one["new"]))


# --- a period ---------------------------------------------------------------------------------------------------------


def _print_replay(found: Replayed, since: str, speaker: Translator) -> None:
    print_text(speaker.t("command.rules.seen", mails=found.mails, others=found.others, since=since), style="bold")
    if found.empty:
        print_text(speaker.t("command.rules.same"), style="green")
        return
    count = len(found.outcomes) + len({d.subject for d in found.tickets})
    more, fewer = sum(n for _, n in found.more), sum(n for _, n in found.fewer)
    print_text(speaker.t("command.rules.counts", differ=count, more=more, fewer=fewer))
    if found.outcomes:
        print_text(speaker.t("command.rules.mails"), style="bold cyan")
    for one in found.outcomes[:_SHOWN]:
        print_text(f"  {one.subject}: {one.old or '–'} → {one.new or '–'}")
    if found.tickets:
        print_text(speaker.t("command.rules.tickets"), style="bold cyan")
    for one in found.tickets[:_SHOWN]:
        print_text(f"  {one.subject}: {_what(one.what, speaker)} {_seen(one.old, speaker)} → {_seen(one.new, speaker)}")
    if found.more or found.fewer:
        print_text(speaker.t("command.rules.notices"), style="bold cyan")
    for sign, told in (("+", found.more), ("-", found.fewer)):
        for notice, number in sorted(Counter(t.notice for t, n in told for _ in range(n)).items()):
            print_text(f"  {sign}{number} {notice}", style="green" if sign == "+" else "red")
        for one_told, number in told[:_SHOWN]:
            times = f" ×{number}" if number > 1 else ""
            print_text(f"    {sign} {one_told.key} {one_told.notice} {one_told.to}{times}")
    left = max(len(found.outcomes), len(found.tickets), len(found.more), len(found.fewer)) - _SHOWN
    if left > 0:
        print_text(speaker.t("command.rules.cut", shown=_SHOWN), style="dim")


def _what(word: str, speaker: Translator) -> str:
    key = f"command.rules.what.{word}"
    return speaker.t(key) if speaker.has(key) else word


def _seen(value: str, speaker: Translator) -> str:
    from datetime import datetime

    try:
        return speaker.date_time(datetime.fromisoformat(value)) if "T" in value else value or "–"
    except ValueError:
        return value


def _sign(old: str, new: str, speaker: Translator) -> str:
    if old and new:
        return f"  {old} → {new}"
    return f"  + {new}" if new else f"  - {old}"


def _style(old: str, new: str) -> str:
    return "yellow" if old and new else "green" if new else "red"


def _values(found: Replayed, since: str) -> dict[str, Any]:
    return {
        "since": since,
        "mails": found.mails,
        "others": found.others,
        "same": found.empty,
        "outcomes": [asdict(one) for one in found.outcomes],
        "tickets": [asdict(one) for one in found.tickets],
        "more": [{**asdict(told), "count": number} for told, number in found.more],
        "fewer": [{**asdict(told), "count": number} for told, number in found.fewer],
    }


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error where that is a terminal, else a line for every thousand."""
    import sys

    if not quiet and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    yield lambda done: say(f"{done} / {total}") if done % 1000 == 0 and not quiet else None
