"""`mailgate parse`, `ingest`, `export`: mail read, mail taken from an MTA's pipe, everything printed."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, address_of, load, print_bytes, print_facts, print_json, print_text
from mailgate.errors import EX_NOINPUT, Busy, ConfigError, DataError, Mistake, UsageError

if TYPE_CHECKING:
    from mailgate.mail.parse import ReadMail

app = typer.Typer()

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


@app.command()
def parse(
    files: Annotated[list[Path], typer.Argument(help="Mails as files; `-` reads standard input.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object per file, in the order given.")] = False,
) -> None:
    """Show what the gateway reads in a mail.

    Example: mailgate parse --json mail.eml
    """
    from mailgate.mail.asjson import as_json
    from mailgate.mail.limits import MailLimits
    from mailgate.mail.parse import read_mail

    missing = False
    for path in files:
        try:
            raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        except OSError as problem:
            print(f"mailgate: cannot read {path}: {problem.strerror}", file=sys.stderr)
            missing = True
            continue
        mail = read_mail(raw, MailLimits())
        if json:
            line = jsonlib.dumps(as_json(str(path), mail), ensure_ascii=False)
            print_bytes(line.encode("utf-8", "replace") + b"\n")
            sys.stdout.flush()
        else:
            _show(path, mail)
    if missing:
        raise typer.Exit(EX_NOINPUT)


@app.command()
def ingest(
    config: ConfigOption = None,
    mail_from: Annotated[
        str | None, typer.Option("--mail-from", help="The envelope's sender; <> is the null one.")
    ] = None,
    rcpt: Annotated[
        list[str] | None, typer.Option("--rcpt", help="A recipient of the envelope; may be repeated.")
    ] = None,
) -> None:
    """Take one mail from standard input, as an MTA's pipe delivers it; 0 only once it is durable, 75: come again.

    Example: mailgate ingest --mail-from ana@cliente.test --rcpt suporte@example.test < mail.eml
    """
    from mailgate import log
    from mailgate.ingest import pipe
    from mailgate.ingest.flood import DayQuota
    from mailgate.ingest.gate import GateRules
    from mailgate.ingest.journal import DiskReserve, Journal
    from mailgate.mail.support import find_support_address
    from mailgate.opening import mail_limits, open_blobs, open_database, support_addresses
    from mailgate.yamltypes import bound
    from store import folders
    from store.ids import IdSource, lowest_within
    from store.journal import count_octets
    from store.writer import Writer

    log.set_up(level="error")
    settings = load(config)
    most = settings.limits.message_bytes
    raw = sys.stdin.buffer.read(most + 1)
    addresses = support_addresses(settings)
    if not addresses:
        raise ConfigError([Mistake(str(settings.folder / "mailgate.yaml"), 0, 0, "no `addresses`: write at least one")])
    clock = settings.now()
    received = pipe.received(raw, mail_from, rcpt or [], addresses[0].address, clock())
    rules = GateRules(lambda a: find_support_address(addresses, a) is not None, mail_limits(settings), bound(most))
    pipe.check(received, rules)
    folders.make(settings.data)
    refused = DiskReserve(settings.data, bound(settings.limits.free_disk_bytes)).ready(len(raw))
    if refused is not None:
        raise Busy(refused.text)
    database = open_database(settings, migrate=False)
    writer = Writer(database)

    def stored(since: datetime) -> int:
        with database.read() as connection:
            return count_octets(connection, since, lowest_within(2 * 86400))

    try:
        quota = DayQuota(bound(settings.limits.stored_per_day), stored, clock)
        quota.look()
        accepted = Journal(writer, open_blobs(settings), IdSource(), clock, lambda: None, quota).accept_now(received)
    finally:
        writer.stop()
        database.close()
    with suppress(OSError):  # the mail is safe: a log that is full must not make the MTA send it again
        print(accepted, flush=True)


@app.command()
def export(
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines, the only form there is.")] = True,
    since: Annotated[str, typer.Option(help="Only tickets changed since: 2026-11-30, or 7d for the last week.")] = "",
    contact: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Instead: all data of this contact, as a zip of JSON and files.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --contact: the new zip; by default ADDRESS.zip.")
    ] = None,
) -> None:
    """Print every ticket with its messages and events, then every mail that belongs to none.

    Example: mailgate export --json --since 7d
    """
    if contact:
        _dossier(config, contact, out)
        return
    from mailgate.flows.exporting import export as lines
    from mailgate.opening import open_database

    settings = load(config)
    database = open_database(settings, migrate=False)
    try:
        with database.read() as connection:
            for line in lines(connection, since_when(since, settings.now()())):
                print_json(line)
    finally:
        database.close()


def _dossier(config: Path | None, contact: str, out: Path | None) -> None:
    """All data of one contact, in a file that is its owner's alone."""
    from mailgate.flows import dossier
    from mailgate.opening import open_blobs, open_database

    settings, address = load(config), address_of(contact)
    target = out or Path(f"{address.replace('/', '_')}.zip")
    database = open_database(settings, migrate=False)
    half = target.with_name(f".{target.name}.half")
    try:
        if target.exists():
            raise DataError(f"{target} is there already; name a new file")
        with database.read() as connection, os.fdopen(os.open(half, _NEW, 0o600), "wb") as file:
            counts = dossier.write(connection, open_blobs(settings), address, file, settings.now()())
        if counts is None:
            raise DataError(f"nothing is kept of {address}")
        half.rename(target)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {(error.strerror or '').lower()}") from error
    finally:
        half.unlink(missing_ok=True)
        database.close()
    print_json({"kind": "contact", "file": str(target), **counts})


def since_when(text: str, now: datetime) -> datetime | None:
    """A day, an instant, or a time back from now. Raises UsageError."""
    from mailgate.clock import parse_duration

    if not text:
        return None
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text!r} is neither a day like 2026-11-30 nor a time like 7d") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _show(path: Path, mail: ReadMail) -> None:
    """For people: the header's facts, then what the person wrote."""
    message = mail.message
    sender = message.from_
    files = [f"{a.filename} ({a.content_type}, {a.size} bytes)" for a in message.attachments]
    print_facts(
        [
            ("File", path),
            ("From", f"{sender.name} <{sender.address}>".strip() if sender else "–"),
            ("To", ", ".join(a.address for a in message.to)),
            ("Subject", message.subject),
            ("Date", message.date.isoformat() if message.date else "–"),
            ("Message-ID", message.message_id or "–"),
            ("Kind", f"{mail.screening.kind} {mail.screening.reason}".strip()),
            ("Language", message.language or "–"),
            ("Files", "\n".join(files)),
            ("Defects", "\n".join(message.defects)),
            ("Held for", mail.over_limit),
        ]
    )
    print_text(f"\n{message.reply}\n")
