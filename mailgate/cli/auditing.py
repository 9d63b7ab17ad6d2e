"""`mailgate audit`: whether every mail seen has an outcome; the strays can be taken in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, house, print_json, print_table, print_text, say, when
from mailgate.errors import EX_DATAERR, EX_UNAVAILABLE, UsageError

if TYPE_CHECKING:
    from mailgate.ingest.imap_audit import Stray
    from mailgate.serving.audits import Audited
    from mailgate.settings import Settings

app = typer.Typer()


@app.command()
def audit(
    since: Annotated[str, typer.Option(help="From when on: 2026-11-30, or 7d for the last week.")] = "30d",
    mailbox: Annotated[list[str] | None, typer.Option(help="Only this mailbox; may be repeated.")] = None,
    folder: Annotated[list[str] | None, typer.Option(help="Only this folder; may be repeated.")] = None,
    take_in: Annotated[
        bool, typer.Option("--take-in", help="Take the strays in, as if they had come now; they stay where they are.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Hold all mailboxes against the journal, and the outbox against the relay's answers; 65 for strays, 69 unreached.

    Mail that a person threw away before it was read is named, too; it is taken in only with --folder.

    Example: mailgate audit --since 7d --folder Junk --take-in
    """
    from mailgate.cli.mail import since_when
    from mailgate.serving.audits import Scope, take_in_strays
    from mailgate.serving.audits import audit as work

    with house(config) as opened:
        unknown = set(mailbox or ()) - {section.label for section in opened.settings.imap}
        if unknown:
            raise UsageError(f"there is no mailbox {min(unknown)!r}")
        now = opened.site.clock()
        scope = Scope(frozenset(mailbox or ()), frozenset(folder or ()))
        found = work(opened, since_when(since, now) or now - timedelta(days=30), scope)
        taken: list[Stray] = []
        if take_in:
            wanted = [*found.seen.strays, *(found.seen.thrown_away if folder else ())]
            taken, problems = take_in_strays(opened, wanted)
            found.seen.unreached += problems
        _show(found, taken, opened.settings, json)
    if len(found.seen.strays) > sum(not one.thrown_away for one in taken) or found.undecided or found.unsent:
        raise typer.Exit(EX_DATAERR)
    if found.seen.unreached:
        raise typer.Exit(EX_UNAVAILABLE)


def _show(found: Audited, taken: list[Stray], settings: Settings, json: bool) -> None:
    if json:
        _print_json(found, taken)
        return
    named = [*found.seen.strays, *found.seen.thrown_away]
    if named:
        rows = [
            (s.account, s.folder, s.uid, when(s.received_at, settings), "taken in" if s in taken else s.reason)
            for s in named
        ]
        print_table(("Mailbox", "Folder", "UID", "Came", ""), rows, title="Mails that the journal knows nothing of")
    if found.late:
        late = [(f"{r.id:x}", r.notice, r.state, when(r.created_at, settings)) for r in found.late]
        print_table(("Id", "Notice", "State", "Written"), late, title="Mails that have not left")
    for sentence in found.seen.unreached:
        print_text(sentence, style="red", fold=False)
    for seen in found.seen.folders:
        if seen.renumbered:
            print_text(f"mailbox {seen.account}, folder {seen.folder}: all mails have new numbers", fold=False)
    print_text(found.line, fold=False)
    if taken:
        print_text(f"{len(taken)} taken in", fold=False)
    if found.undecided or found.unsent:
        say("`mailgate outbox list` and `mailgate doctor` show what waits")


def _print_json(found: Audited, taken: list[Stray]) -> None:
    for one in (*found.seen.strays, *found.seen.thrown_away):
        print_json({
            "kind": "stray", "account": one.account, "folder": one.folder, "uid": one.uid,
            "uidvalidity": one.uidvalidity, "received_at": one.received_at, "reason": one.reason,
            "thrown_away": one.thrown_away, "taken_in": one in taken,
        })  # fmt: skip
    for row in found.late:
        print_json({
            "kind": "unsent", "id": f"{row.id:x}", "notice": row.notice, "state": row.state,
            "created_at": row.created_at,
        })  # fmt: skip
    for folder in found.seen.folders:
        print_json({
            "kind": "folder", "account": folder.account, "folder": folder.folder, "seen": folder.mails,
            "accounted": folder.accounted, "outgoing": folder.outgoing, "waiting": folder.waiting,
            "strays": folder.strays, "thrown_away": folder.thrown_away, "renumbered": folder.renumbered,
        })  # fmt: skip
    for sentence in found.seen.unreached:
        print_json({"kind": "unreached", "text": sentence})
    print_json({
        "kind": "audit", "at": found.at, "since": found.since, "seen": found.seen.mails,
        "accounted": found.accounted, "strays": len(found.seen.strays), "thrown_away": len(found.seen.thrown_away),
        "taken_in": len(taken), "undecided": found.undecided, "unreached": len(found.seen.unreached),
        "outbox": found.outbox,
    })  # fmt: skip
