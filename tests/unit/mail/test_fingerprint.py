"""The same mail has the same fingerprint by whatever road; another mail has another one."""

from __future__ import annotations

import pytest

from mailgate.mail.fingerprint import fingerprint, known_as

MAIL = (
    b"From: ana@cliente.test\r\nSubject: Impressora\r\n parada\r\nDate: Wed, 05 Nov 2025 10:22:31 -0300\r\n"
    b"\r\noi\r\n\r\nAna\r\n"
)

SAME = {
    "LF": MAIL.replace(b"\r\n", b"\n"),
    "no final line end": MAIL.rstrip(b"\r\n"),
    "a line more": MAIL + b"\r\n",
    "trace": b"Return-Path: <a@b>\r\nReceived: from a\r\n\tby b; now\r\nX-Spam: no\r\nARC-Seal: i=1\r\n"
    b"Delivered-To: s@x\r\nAuthentication-Results: x; spf=pass\r\nDKIM-Signature: v=1;\r\n b=abc\r\n" + MAIL,
    "folded elsewhere": MAIL.replace(b"Impressora\r\n parada", b"Impressora parada"),
}
OTHER = {
    "other body": MAIL.replace(b"oi", b"ola"),
    "other subject": MAIL.replace(b"parada", b"quebrada"),
    "other sender": MAIL.replace(b"ana@", b"eva@"),
    "a Message-ID": b"Message-ID: <1@x>\r\n" + MAIL,
    "body moved into the header": MAIL.replace(b"\r\n\r\noi", b"\r\noi", 1),
}


@pytest.mark.parametrize("name", SAME)
def test_same(name: str) -> None:
    assert fingerprint(SAME[name]) == fingerprint(MAIL)
    assert known_as(None, fingerprint(SAME[name])) == known_as("no id", fingerprint(MAIL))


@pytest.mark.parametrize("name", OTHER)
def test_other(name: str) -> None:
    assert fingerprint(OTHER[name]) != fingerprint(MAIL)


def test_any_bytes() -> None:
    for raw in (b"", b"\r\n", b"\n\n\n", b"\0" * 100, b":", b" x"):
        assert len(fingerprint(raw)) == 64


def test_mails_without_fields_are_told_apart() -> None:
    """Words only, no field, no empty line: two of them within an hour were one mail once."""
    texts = (b"Bom dia, preciso de ajuda.\r\n", b"Outra coisa.\r\n", b"\r\nOutra\r\ncoisa.\r\n", b"\0" * 50)
    assert len({fingerprint(text) for text in texts}) == len(texts)
    head = b"From: ana@cliente.test\r\nSubject: Oi\r\n"
    assert fingerprint(head + b"A nota foi recusada\r\n") != fingerprint(head + b"O boleto venceu\r\n")
