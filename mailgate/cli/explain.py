"""`mailgate explain`: why a mail became what it became, out of its record; or what would become of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailgate.cli.common import ConfigOption, JsonOption, NoInput, clean, house, print_json, print_text, short
from mailgate.errors import DataError, MailgateError

if TYPE_CHECKING:
    from mailgate.app import House
    from mailgate.notify.explained import Explained

app = typer.Typer()


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="KEY|MESSAGE-ID|FILE", help="Also the id that a 250 or a log names.")],
    config: ConfigOption = None,
    mail_from: Annotated[
        str | None, typer.Option("--mail-from", help="For a file: the envelope's sender; <> is the null one.")
    ] = None,
    rcpt: Annotated[
        list[str] | None, typer.Option("--rcpt", help="For a file: a recipient of the envelope; may be repeated.")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="pt-BR, en or es; default the company's language.")] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option("--what-if", help="Decide again with something changed: sender=…, status=…, verified=no."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say which ticket a mail went to and why, who wrote it, what each rule said, and who was told; nothing is changed.

    Example: mailgate explain SUP-123
    """
    from mailgate.i18n import Translations, best_language
    from mailgate.notify.explained import lines_of
    from mailgate.resources import data_folder

    with house(config) as opened:
        path = Path(what)
        found = _of_file(opened, path, mail_from, rcpt or []) if path.is_file() else _stored(opened, clean(what))
        settings = opened.settings
        if what_if:
            found = _supposed(opened, found, what_if)
        if json:
            for one in found:
                print_json(_values(one))
            return
        translations = Translations.load(data_folder("templates") / "translations")
        language = best_language(lang, translations.languages, settings.locale) if lang else settings.locale
        speaker = translations.translator(language, settings.timezone)
        for number, one in enumerate(found):
            if number:
                print_text("")
            for line in lines_of(one, speaker):
                print_text(line.text, style=line.style)


def _stored(opened: House, name: str) -> list[Explained]:
    from mailgate.flows import explaining

    with opened.database.read() as connection:
        found = explaining.stored(connection, name)
    if not found:
        raise DataError(f"there is no file, ticket, Message-ID or mail {name} (or it has no mail)")
    return found


def _supposed(opened: House, found: list[Explained], texts: list[str]) -> list[Explained]:
    from mailgate.flows import explaining, supposing
    from mailgate.opening import mail_limits

    changes = supposing.read_changes(texts)
    with opened.database.read() as connection:
        return explaining.what_if(connection, opened.site.pinned(), found, changes, mail_limits(opened.settings))


def _of_file(opened: House, path: Path, mail_from: str | None, rcpt: list[str]) -> list[Explained]:
    import tempfile
    from dataclasses import replace

    from mailgate.app import tool_maker
    from mailgate.flows import explaining
    from mailgate.flows.reading import ReadJob
    from mailgate.ingest import pipe
    from mailgate.ingest.gate import GateRules
    from mailgate.notify.explained import Explained
    from mailgate.opening import mail_limits
    from mailgate.yamltypes import bound
    from store.blobs import BlobFolder

    site, settings = opened.site, opened.settings
    most = settings.limits.message_bytes
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise NoInput(f"{path} cannot be read: {error.strerror}") from error
    sender, recipients = _envelope_of(opened, raw)
    received = pipe.received(
        raw, sender if mail_from is None else mail_from, rcpt or recipients, site.addresses[0].address, site.clock()
    )
    try:
        pipe.check(received, GateRules(site.is_ours, mail_limits(settings), bound(most)))
    except MailgateError as error:
        refused = Explained(
            0, received.received_at, str(received.road), received.envelope.mail_from, "", "", "refused", "", str(error),
            "", None, None,
        )  # fmt: skip
        return [refused]
    own = next((f[0] for a in received.envelope.rcpt_tos if (f := site.support_address(a)) is not None), None)
    with tempfile.TemporaryDirectory(prefix="mailgate-") as scratch:
        reader = replace(tool_maker(settings)().reader, blobs=BlobFolder(Path(scratch)))
        job = ReadJob(
            received.raw, "", len(received.raw), str(received.road), "", "", received.envelope.mail_from,
            own.list_id if own else "",
        )  # fmt: skip
        reading = reader.read(job)
    return [explaining.would_be(site, received, reading)]


def _envelope_of(opened: House, raw: bytes) -> tuple[str | None, list[str]]:
    """What a file's envelope was in all likelihood: Return-Path (None: to be looked for) or author; ours of To, Cc."""
    from mailgate.mail.parse import read_mail
    from mailgate.opening import mail_limits

    message = read_mail(raw, mail_limits(opened.settings)).message
    has_path = any(name.lower() == "return-path" for name, _ in message.headers)
    sender = None if has_path or message.author is None else message.author.address
    return sender, [a.address for a in (*message.to, *message.cc) if opened.site.is_ours(a.address)]


def _values(one: Explained) -> dict[str, Any]:
    names = ("received_at", "road", "mail_from", "subject", "message_id", "outcome", "reason", "detail")
    return {
        "id": short(one.journal_id) if one.journal_id else None,
        **{name: getattr(one, name) for name in names},
        "key": one.key or None,
        "duplicate_of": short(one.duplicate_of) if one.duplicate_of else None,
        "trigger": one.trigger or None,
        "what_if": one.supposed or None,
        "record": one.record,
    }
