"""`mailgate held`, `mailgate outbox`: mails that wait for a person, and mails that wait to leave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailgate.cli.common import (
    ConfigOption,
    JsonOption,
    house,
    print_bytes,
    print_facts,
    print_json,
    print_table,
    print_text,
    row_id_of,
    say,
    short,
    when,
)
from mailgate.errors import Busy, DataError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from mailgate.app import House
    from mailgate.flows.holding import Word

held = typer.Typer(help="Mails that wait for a person.", no_args_is_help=True)
outbox = typer.Typer(help="Mails that wait to leave.", no_args_is_help=True)

IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="As `list` shows them, or a part that names one.")
]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it, or a part that names one.")]
AllOption = Annotated[bool, typer.Option("--all", help="All that `list` shows.")]
RawOption = Annotated[bool, typer.Option("--raw", help="The mail itself, byte by byte.")]

_MOST = 100_000


# --- held ------------------------------------------------------------------------------------------------------------


@held.command("list")
def held_list(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many.")] = 200,
    json: JsonOption = False,
) -> None:
    """List held mails, oldest first, with the reason.

    Example: mailgate held list
    """
    from store import journal

    with house(config) as opened, opened.database.read() as connection:
        rows = journal.held(connection, limit)
        if json:
            for row in rows:
                print_json(_mail(row))
            return
        shown = [
            (short(r.id), when(r.received_at, opened.settings), r.author or r.mail_from or "<>", r.subject, r.reason,
             r.detail)
            for r in rows
        ]  # fmt: skip
        print_table(("Id", "Came", "From", "Subject", "Reason", ""), shown)


@held.command("show")
def held_show(ident: IdArgument, config: ConfigOption = None, raw: RawOption = False, json: JsonOption = False) -> None:
    """Show a held mail: where it came from, why it waits, what it says.

    Example: mailgate held show 6a1f0c
    """
    from mailgate.mail.parse import read_mail
    from mailgate.opening import mail_limits
    from store import journal

    with house(config) as opened:
        with opened.database.read() as connection:
            row_id = row_id_of(ident, [r.id for r in journal.held(connection, _MOST)], "held mail")
            row = journal.by_id(connection, row_id)
            content = journal.raw_bytes(connection, row_id)
        assert row is not None
        if content is None:
            content = opened.site.blobs.get(row.raw_sha256)
        if raw:
            print_bytes(content)
            return
        message = read_mail(content, mail_limits(opened.settings)).message
        if json:
            print_json(_mail(row) | {"text": message.reply})
            return
        print_facts(
            [
                ("Id", short(row.id)),
                ("Held for", f"{row.reason}: {row.detail}"),
                ("Came", f"{when(row.received_at, opened.settings)} by {row.road} {row.peer}".strip()),
                ("Envelope", f"<{row.mail_from}> → {', '.join(row.rcpt_tos)}"),
                ("From", row.author or (message.from_.address if message.from_ else "")),
                ("Subject", row.subject or message.subject),
                ("Message-ID", row.message_id or message.message_id),
                ("Files", ", ".join(f"{a.filename} ({a.size} bytes)" for a in message.attachments)),
                ("Tries", row.attempts),
            ]
        )
        print_text(f"\n{message.reply or message.text}")


@held.command("retry")
def held_retry(ids: IdsArgument = None, config: ConfigOption = None, every: AllOption = False) -> None:
    """Decide about held mails once more, as if they had just come: after a rule or a setting was mended.

    Example: mailgate held retry 6a1f0c
    """
    _settle(config, ids, every, "retry", "to be decided again")


@held.command("release")
def held_release(ids: IdsArgument = None, config: ConfigOption = None, every: AllOption = False) -> None:
    """Let held mails pass: what held them is not asked again.

    Example: mailgate held release 6a1f0c
    """
    _settle(config, ids, every, "release", "released")


@held.command("drop")
def held_drop(ids: IdsArgument = None, config: ConfigOption = None, every: AllOption = False) -> None:
    """Take held mails off the list for good: rejected, nobody is told, the bytes are kept.

    Example: mailgate held drop 6a1f0c
    """
    _settle(config, ids, every, "drop", "dropped")


def _settle(config: Path | None, ids: list[str] | None, every: bool, word: Word, what: str) -> None:
    from mailgate.flows import holding

    with house(config) as opened:
        done = holding.settle(opened.site, word, lambda known: _chosen(ids, every, known, "held mail"))
        _said(done, what)


def _chosen(ids: list[str] | None, every: bool, known: list[int], what: str) -> list[int]:
    if bool(ids) == every:
        raise UsageError("name the mails by their ids, or say --all")
    return known if every else list(dict.fromkeys(row_id_of(text, known, what) for text in ids or []))


def _said(ids: list[int], what: str) -> None:
    for row_id in ids:
        print(short(row_id))
    say(f"{len(ids)} mail{'' if len(ids) == 1 else 's'} {what}")


def _mail(row: Row[Any]) -> dict[str, Any]:
    names = ("received_at", "road", "mail_from", "rcpt_tos", "author", "subject", "message_id", "outcome", "reason")
    more = ("detail", "attempts", "size_bytes", "raw_sha256")
    return {"id": short(row.id)} | {name: getattr(row, name) for name in (*names, *more)}


# --- outbox ----------------------------------------------------------------------------------------------------------


@outbox.command("list")
def outbox_list(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many.")] = 200,
    json: JsonOption = False,
) -> None:
    """List mails that have not left, oldest first, and those that were given up.

    Example: mailgate outbox list
    """
    from store import outbox as rows_of
    from store import tickets

    with house(config) as opened, opened.database.read() as connection:
        rows = rows_of.waiting(connection, limit)
        keys = {t.id: t.key for t in tickets.by_ids(connection, [r.ticket_id for r in rows if r.ticket_id])}
        if json:
            for row in rows:
                print_json(_outgoing(row, keys.get(row.ticket_id)))
            return
        shown = [
            (short(r.id), when(r.created_at, opened.settings), r.notice, keys.get(r.ticket_id), r.recipient, r.state,
             r.attempts, when(r.next_attempt_at, opened.settings) if r.state != "failed" else "–", r.answer)
            for r in rows
        ]  # fmt: skip
        print_table(("Id", "Written", "Notice", "Ticket", "To", "State", "Tries", "Next", "Last answer"), shown)


@outbox.command("show")
def outbox_show(
    ident: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it, or a Message-ID of ours.")],
    config: ConfigOption = None,
    raw: RawOption = False,
    json: JsonOption = False,
) -> None:
    """Show a mail of ours: its header, where it stands, what the relay last said.

    Example: mailgate outbox show 7c03ab --raw
    """
    from mailgate.mail.headers import one_line
    from store import tickets

    with house(config) as opened:
        with opened.database.read() as connection:
            row = _find(connection, ident)
            ticket = next(iter(tickets.by_ids(connection, [row.ticket_id] if row.ticket_id else [])), None)
        content, is_kept = _bytes_of(opened, row)
        if raw:
            if not is_kept:
                say("made anew for you to see: the bytes are kept only from the first try until the mail has left")
            print_bytes(content)
            return
        key = ticket.key if ticket is not None else None
        head = content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        if json:
            print_json(_outgoing(row, key) | {"header": head.replace("\r\n", "\n")})
            return
        settings = opened.settings
        print_facts(
            [
                ("Id", short(row.id)),
                ("Ticket", key),
                ("Notice", f"{row.notice} to {row.recipient_role} {row.recipient}"),
                ("State", row.state),
                ("Written", when(row.created_at, settings)),
                ("First try", when(row.first_try_at, settings)),
                ("Next try", when(row.next_attempt_at, settings) if row.state in ("waiting", "sending") else "–"),
                ("Tries", str(row.attempts)),
                ("Last answer", one_line(row.answer)),
                ("Envelope", f"<{row.envelope_from}> → <{row.recipient}>"),
            ]
        )
        print_text(f"\n{head.replace(chr(13), '')}")


@outbox.command("retry")
def outbox_retry(ids: IdsArgument = None, config: ConfigOption = None, every: AllOption = False) -> None:
    """Try mails again now, with the full time until they are given up; --all: those that were given up.

    Example: mailgate outbox retry --all
    """

    def values(now: Any) -> dict[str, Any]:
        return {"state": "waiting", "next_attempt_at": now, "attempts": 0, "first_try_at": now, "settled_at": None}

    _change_outgoing(config, ids, every, values, "to be tried again")


@outbox.command("drop")
def outbox_drop(ids: IdsArgument = None, config: ConfigOption = None, every: AllOption = False) -> None:
    """Never send these mails; --all: those that were given up.

    Example: mailgate outbox drop 7c03ab
    """

    def values(now: Any) -> dict[str, Any]:
        return {"state": "dropped", "settled_at": now, "rendered": None}

    _change_outgoing(config, ids, every, values, "dropped")


def _change_outgoing(
    config: Path | None, ids: list[str] | None, every: bool, values: Callable[[Any], dict[str, Any]], what: str
) -> None:
    from store import outbox as rows_of

    with house(config) as opened:

        def work(connection: Connection) -> list[int]:
            now = opened.site.clock()
            rows = {row.id: row for row in rows_of.waiting(connection, _MOST)}
            known = [row_id for row_id, row in rows.items() if not every or row.state == "failed"]
            chosen = _chosen(ids, every, known, "mail in the outbox")
            for row_id in chosen:
                if rows_of.take_back(connection, row_id, now) is None:
                    raise Busy(f"{short(row_id)} is being sent at this moment; look again later")
                rows_of.settle(connection, row_id, None, **values(now))
            return chosen

        _said(opened.site.writer.call(work), what)


def _find(connection: Connection, ident: str) -> Row[Any]:
    from store import outbox as rows_of

    if "@" in ident:
        row = rows_of.by_message_id(connection, ident.strip().strip("<>"))
    else:
        text = ident.strip().lower()
        is_hex = len(text) <= 16 and all(c in "0123456789abcdef" for c in text)
        row = rows_of.by_id(connection, int(text, 16)) if is_hex and len(text) == 16 else None
        if row is None:
            row = rows_of.by_id(
                connection, row_id_of(ident, [r.id for r in rows_of.waiting(connection, _MOST)], "mail")
            )
    if row is None:
        raise DataError(f"there is no mail {ident} in the outbox")
    return row


def _bytes_of(opened: House, row: Row[Any]) -> tuple[bytes, bool]:
    """The mail, and whether these are the bytes that were or will be sent; else it is made for showing."""
    from mailgate.app import tool_maker
    from mailgate.flows.rendering import job_of

    if row.rendered is not None:
        return row.rendered, True
    if row.rendered_sha256 is not None:
        with contextlib.suppress(OSError):  # a mail that was taken by the relay is kept no longer
            return opened.site.blobs.get(row.rendered_sha256), True
    with opened.database.read() as connection:
        job = job_of(connection, opened.site, row, row.first_try_at or opened.site.clock())
    return tool_maker(opened.settings)().renderer.mail(job), False


def _outgoing(row: Row[Any], key: str | None) -> dict[str, Any]:
    names = ("notice", "recipient", "recipient_role", "state", "attempts", "created_at", "first_try_at")
    more = ("next_attempt_at", "settled_at", "answer", "envelope_from", "message_id")
    return {"id": short(row.id), "key": key} | {name: getattr(row, name) for name in (*names, *more)}
