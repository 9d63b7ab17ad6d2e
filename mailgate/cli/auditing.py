"""`mailgate audit`: whether every mail seen has an outcome."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, house, print_json, print_table, print_text, say, when
from mailgate.errors import EX_DATAERR, EX_UNAVAILABLE

if TYPE_CHECKING:
    from mailgate.serving.audits import Audited
    from mailgate.settings import Settings

app = typer.Typer()


@app.command()
def audit(
    since: Annotated[str, typer.Option(help="From when on: 2026-11-30, or 7d for the last week.")] = "30d",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Hold all mailboxes against the journal, and the outbox against the relay's answers; 65 for strays, 69 unreached.

    Example: mailgate audit --since 7d
    """
    from mailgate.cli.mail import since_when
    from mailgate.serving.audits import audit as work

    with house(config) as opened:
        now = opened.site.clock()
        found = work(opened, since_when(since, now) or now - timedelta(days=30))
        _show(found, opened.settings, json)
    if found.seen.strays or found.undecided or found.unsent:
        raise typer.Exit(EX_DATAERR)
    if found.seen.unreached:
        raise typer.Exit(EX_UNAVAILABLE)


def _show(found: Audited, settings: Settings, json: bool) -> None:
    if json:
        for one in found.seen.strays:
            print_json({
                "kind": "stray", "account": one.account, "folder": one.folder, "uid": one.uid,
                "received_at": one.received_at, "reason": one.reason,
            })  # fmt: skip
        for sentence in found.seen.unreached:
            print_json({"kind": "unreached", "text": sentence})
        print_json({
            "kind": "audit", "at": found.at, "since": found.since, "seen": found.seen.mails,
            "accounted": found.accounted, "strays": len(found.seen.strays), "undecided": found.undecided,
            "unreached": len(found.seen.unreached), "outbox": found.outbox,
        })  # fmt: skip
        return
    if found.seen.strays:
        rows = [(s.account, s.folder, s.uid, when(s.received_at, settings), s.reason) for s in found.seen.strays]
        print_table(("Mailbox", "Folder", "UID", "Came", ""), rows, title="Mails that the journal knows nothing of")
    for sentence in found.seen.unreached:
        print_text(sentence, style="red", fold=False)
    print_text(found.line, fold=False)
    if found.undecided or found.unsent:
        say("`mailgate outbox list` and `mailgate doctor` show what waits")
