"""`mailgate timeline`: how a ticket lives under a workflow, without waiting for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, load, print_json, print_text, say
from mailgate.errors import DataError, UsageError

app = typer.Typer()


@app.command()
def timeline(
    preset: Annotated[str, typer.Option("--preset", help="Of which preset; left out: of your configuration.")] = "",
    customer: Annotated[
        str,
        typer.Option("--customer", metavar="WHAT", help="The customer: silent, answers, reopens or thanks."),
    ] = "silent",
    lang: Annotated[str, typer.Option("--lang", help="The customer's language: pt-BR, en or es.")] = "pt-BR",
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the mails as a page.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print the life of a ticket day by day, with the mails that would leave; nothing is sent and nothing is kept.

    Example: mailgate timeline --preset totvs --customer silent --html life.html
    """
    from mailgate import log
    from mailgate.demo import life, storyboard
    from mailgate.demo.lifewords import SCENARIOS, words
    from mailgate.scaffold import presets

    for given, known, what in ((customer, [*SCENARIOS], "scenario"), (preset, ["", *presets()], "preset")):
        if given not in known:
            raise DataError(f"there is no {what} {given!r}; there are {', '.join(one for one in known if one)}")
    if lang not in ("pt-BR", "en", "es"):
        raise UsageError(f"--lang is pt-BR, en or es, not {lang!r}")
    log.set_up(level="error")
    own = None if preset else load(config)
    if own is not None and not own.agents:
        raise DataError("the configuration names no `agents`: nobody would answer")
    lived = life.live(customer, lang, preset, own)
    if html is not None:
        try:
            html.write_text(storyboard.page(lived), encoding="utf-8")
        except OSError as error:
            raise DataError(f"{html} cannot be written: {(error.strerror or '').lower()}") from error
    for one in lived.moments:
        if json:
            mails = [{"notice": m.notice, "to": m.address, "subject": m.subject, "text": m.text} for m in one.mails]
            print_json({"day": one.day, "at": one.at, "who": one.who, "said": one.said, "status": one.status,
                        "label": one.label, "mails": mails})  # fmt: skip
            continue
        begins = f"{words('day', lang)} {one.day:>3}  {one.at:%H:%M}"
        print_text(f"{begins}  {words(one.who, lang)}: [{one.label}]", style="bold")
        for mail in one.mails:
            print_text(f"           {mail.notice} → {mail.address}: {mail.subject}")
    if not json:
        print_text(words("ended" if lived.ended else "open", lang))
    if html is not None:
        say(f"page: {html}")
