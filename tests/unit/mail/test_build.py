"""Mails that leave: read back with the standard library, which did not write them."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from mailgate.mail.build import OutFile, OutgoingMail, Unaddressable, build
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
NOW = datetime(2025, 11, 5, 13, 22, 31, tzinfo=UTC)


def head(**changes: object) -> OutgoingMail:
    fields: dict[str, object] = {
        "from_name": "Bruno · Suporte",
        "from_address": "suporte@example.test",
        "to_name": "Ana Conceição",
        "to_address": "ana@cliente.test",
        "subject": "Re: Impressão não funciona [SUP-123]",
        "message_id": "n5.abc.mac@example.test",
        "date": NOW,
        "reply_to": "suporte+k3.abcd@example.test",
        "in_reply_to": "1@cliente.test",
        "references": ("0@cliente.test", "1@cliente.test"),
        "auto_submitted": "auto-replied",
        "extra": (("X-Mailgate-Ticket", "SUP-123"),),
    }
    return OutgoingMail(**{**fields, **changes})  # type: ignore[arg-type]


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


FULL = build(
    head(),
    "Olá Ana,\n\n.\nFrom aqui até lá\n" + "x" * 2000,
    '<p>Olá <img src="cid:logo@example.test"></p>',
    [
        OutFile("logo.png", "image/png", PNG, "logo@example.test", inline=True),
        OutFile("declaração “final”.pdf", "application/pdf", b"%PDF-1.4\n"),
        OutFile("x.eml", "message/rfc822", b"From: a@b\n\noi"),
    ],
)


def test_every_line_is_short_ascii_and_ends_in_crlf() -> None:
    assert FULL.isascii()
    assert b"\n" not in FULL.replace(b"\r\n", b"")
    assert b"\r" not in FULL.replace(b"\r\n", b"")
    assert max(map(len, FULL.split(b"\r\n"))) <= 998
    assert FULL.endswith(b"\r\n")


def test_the_standard_library_reads_what_was_meant() -> None:
    message = parsed(FULL)
    assert not message.defects
    assert message["Subject"] == "Re: Impressão não funciona [SUP-123]"
    assert message["From"].addresses[0].display_name == "Bruno · Suporte"
    assert message["To"].addresses[0].addr_spec == "ana@cliente.test"
    assert message["References"] == "<0@cliente.test> <1@cliente.test>"
    assert message["X-Mailgate-Ticket"] == "SUP-123"
    assert message["Date"].datetime == NOW
    text = message.get_body(("plain",))
    page = message.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().replace("\r\n", "\n") == "Olá Ana,\n\n.\nFrom aqui até lá\n" + "x" * 2000 + "\n"
    assert "cid:logo@example.test" in page.get_content()
    assert [part.get_filename() for part in message.iter_attachments()] == ["declaração “final”.pdf", "x.eml"]


def test_we_read_our_own_mail() -> None:
    mail = read_mail(FULL, MailLimits())
    assert mail.message.message_id == "n5.abc.mac@example.test"
    assert {a.filename: a.size for a in mail.message.attachments} == {
        "logo.png": len(PNG),
        "declaração “final”.pdf": 9,
        "x.eml": 13,
    }
    assert mail.message.html is not None
    assert "cid:logo@example.test" in mail.message.html
    assert not [d for d in mail.message.defects if "delimiter" in d or "base64" in d]


def test_the_same_mail_is_the_same_bytes() -> None:
    assert build(head(), "oi", "<p>oi</p>") == build(head(), "oi", "<p>oi</p>")


@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: v@x.test", "x\nBcc: v@x.test", "x\rBcc: v@x.test", "x\u2028Bcc: v@x.test", "x\0y"]
)
def test_a_value_never_becomes_a_header(evil: str) -> None:
    raw = build(head(subject=evil, to_name=evil, from_name=evil, extra=(("X-Mailgate-Status", evil),)), evil)
    message = parsed(raw)
    assert "Bcc" not in message
    assert len(message.get_all("Subject")) == 1
    assert [a.addr_spec for a in message["To"].addresses] == ["ana@cliente.test"]


@pytest.mark.parametrize("local", ['"ana "', '"ana maria"', '"ana..b"', '"<ana>"', '"a,b"', r'"a\"b"', '"a:b;"', '""'])
def test_a_quoted_local_part_is_one_address(local: str) -> None:
    """RFC 5322 §3.4.1."""
    message = parsed(build(head(to_name="Ana", to_address=f"{local}@x.test"), "oi"))
    assert message["To"].addresses[0].username == local[1:-1].replace("\\", "")
    assert message["To"].addresses[0].domain == "x.test"
    assert len(message["To"].addresses) == 1


@pytest.mark.parametrize("address", ['"vitima@y.test"@x.test', '"a"b"@x.test', f'"{"a " * 40}"@x.test', '"a\\"@x.test'])
def test_what_a_relay_might_read_as_somebody_else_is_no_address(address: str) -> None:
    with pytest.raises(Unaddressable):
        build(head(to_address=address), "oi")


def test_a_name_never_becomes_an_address() -> None:
    for name in ("v@x.test", "v@x.test, w", 'a" <v@x.test>, "b', "=?utf-8?q?v=40x?=", "a <v@x.test>", "v@x.test\\"):
        message = parsed(build(head(to_name=name), "oi"))
        assert [a.addr_spec for a in message["To"].addresses] == ["ana@cliente.test"], name


@pytest.mark.parametrize(
    "changes",
    [
        {"to_address": "a@x.test, b@x.test"},
        {"to_address": "a@x.test\r\nBcc: c@x.test"},
        {"to_address": "jo\u2028ão@x.test\r\nBcc: c@x.test"},
        {"to_address": ""},
        {"message_id": "a b@x"},
        {"message_id": "a>\r\nX: y"},
        {"in_reply_to": "<a@b>"},
        {"extra": (("X Y", "z"),)},
        {"list_unsubscribe": "https://x.test/>\r\nA: b"},
    ],
)
def test_what_cannot_stand_in_a_header_is_refused(changes: dict[str, object]) -> None:
    try:
        raw = build(head(**changes), "oi")
    except ValueError:
        return
    assert b"\r\nBcc" not in raw, raw
    pytest.fail(f"{changes} was built: {raw[:300]!r}")


def test_an_international_domain_goes_out_in_ascii() -> None:
    assert b"<ana@xn--bcher-kva.test>" in build(head(to_address="ana@bücher.test"), "oi")


def test_one_click_unsubscribe() -> None:
    raw = build(head(list_unsubscribe="https://portal.example.test/u/abc"), "oi")
    assert b"List-Unsubscribe: <https://portal.example.test/u/abc>\r\n" in raw
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_an_address_that_is_not_ascii_is_written_as_it_is() -> None:
    """RFC 6532 §3.2: such a customer can be answered where the relay offers SMTPUTF8."""
    raw = build(head(to_name="José", to_address="josé@padaria-são.test"), "Olá")
    assert "<josé@xn--padaria-so-n5a.test>\r\n".encode() in raw
    assert raw.partition(b"\r\n\r\n")[2].isascii()
    assert read_mail(raw, MailLimits()).message.to[0].address == "josé@xn--padaria-so-n5a.test"
