"""What one mail may cost: beyond each bound there is still an answer, and the bound is named."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail

HEAD = b"From: ana@cliente.test\r\nTo: suporte@example.test\r\nMessage-ID: <1@cliente.test>\r\nSubject: Oi\r\n"


def plain(body: bytes = b"oi\r\n", header: bytes = b"") -> bytes:
    return HEAD + header + b"\r\n" + body


def html(body: bytes) -> bytes:
    return plain(body, b"Content-Type: text/html\r\n")


def nested(depth: int) -> bytes:
    return HEAD + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(depth)
    )


OVER = {
    "message_bytes": (replace(MailLimits(), message_bytes=2000), plain(b"x" * 70 + b"\r\n" * 1000)),
    "line_bytes": (MailLimits(), plain(b"x" * 70_000)),
    "header_block_bytes": (MailLimits(), HEAD + b"X-A: 1\r\n" * 40_000 + b"\r\n"),
    "header_bytes": (MailLimits(), plain(header=b"X-A: " + b"a\r\n " * 20_000 + b"\r\n")),
    "header_count": (MailLimits(), HEAD + b"X-A: 1\r\n" * 1200 + b"\r\n"),
    "addresses": (MailLimits(), plain(header=b"Cc: " + b"a@b.test,\r\n " * 250 + b"c@d.test\r\n")),
    "encoded_words": (MailLimits(), plain(header=b"X-A: " + b"=?utf-8?q?a?= " * 250 + b"\r\n")),
    "received": (MailLimits(), b"Received: from a by b\r\n" * 60 + plain()),
}


@pytest.mark.parametrize("bound", OVER)
def test_a_mail_beyond_a_bound_names_it_and_still_shows_its_sender(bound: str) -> None:
    limits, raw = OVER[bound]
    mail = read_mail(raw, limits)
    assert mail.over_limit == bound
    if bound not in ("header_block_bytes", "received"):
        assert mail.message.from_ is not None
        assert mail.message.from_.address == "ana@cliente.test"
    assert any(bound in defect for defect in mail.message.defects)


def test_just_inside_the_bounds_nothing_is_held() -> None:
    raw = b"Received: from a by b\r\n" * 50 + plain(
        b"x" * 65_000 + b"\r\n", b"Cc: " + b"a@b.test,\r\n " * 190 + b"c@d.test\r\n"
    )
    assert read_mail(raw, MailLimits()).over_limit == ""


def test_too_deep_and_too_many_parts_are_shown_as_far_as_they_go() -> None:
    deep = read_mail(nested(3000), MailLimits())
    assert deep.over_limit == ""
    assert any("nested too deep" in defect for defect in deep.message.defects)
    many = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 2000 + b"--b--\r\n"
    mail = read_mail(many, MailLimits())
    assert any("too many parts" in defect for defect in mail.message.defects)
    assert mail.message.text.count("x") == 499


def test_too_many_attachments_are_counted_not_kept() -> None:
    part = b"--b\r\nContent-Type: application/x-a; name=a.bin\r\n\r\nx\r\n"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 150 + b"--b--\r\n"
    message = read_mail(raw, MailLimits()).message
    assert len(message.attachments) == 100
    assert any("too many attachments" in defect for defect in message.defects)


def test_only_the_last_references_are_kept() -> None:
    ids = b"\r\n ".join(b"<%d@x.test>" % i for i in range(500))
    message = read_mail(plain(header=b"References: " + ids + b"\r\n"), MailLimits()).message
    assert len(message.references) == 50
    assert message.references[-1] == "499@x.test"


HOSTILE = {
    "open divs": html(b"<div>\n" * 100_000),
    "formatting": html(b"<b><p>\n" * 60_000),
    "attributes": html(b"<div " + b" a=1\n" * 60_000 + b">"),
    "angle brackets": html(b"<\n" * 500_000),
    "comments": html(b"<!--\n" * 100_000),
    "attributions": plain(b"On 1/1/2020 10:00 a@b.test wrote:\r\n> x\r\ny\r\n" * 20_000),
    "quotes": plain(b"> \r\n" * 200_000),
    "On On On": plain(b"On On On\r\n" * 50_000),
    "header lines": plain(b"De: a\r\n" * 100_000),
    "blank lines": plain(b"\r\n" * 500_000),
    "web addresses": plain(b"http://a.test/b\r\n" * 60_000),
    "uuencode": plain(b"begin 644 a\r\nend\r\n" * 30_000),
    "flowed": plain(b"a \r\n" * 200_000, b"Content-Type: text/plain; format=flowed\r\n"),
    "digests": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    "parentheses": b"From: " + b"(" * 30_000 + b"\r\n\r\nx",
    "brackets in an id": plain(header=b"Message-ID: " + b"<" * 30_000 + b"\r\n"),
    "parameters": plain(header=b"Content-Type: text/plain; " + b';"' * 15_000 + b"\r\n"),
    "report": plain(b"550 could not be delivered a@b.test\r\n" * 20_000, b"Return-Path: <>\r\nFrom: MAILER-DAEMON\r\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_cost_bounded_time(name: str) -> None:
    """Two seconds of processor time are ten times what these take; each was minutes or a crash for some parser."""
    begin = time.process_time()
    mail = read_mail(HOSTILE[name], MailLimits())
    assert time.process_time() - begin < 2.0
    assert mail.message.fingerprint


def _cost(raw: bytes) -> float:
    begin = time.process_time()
    read_mail(raw, MailLimits())
    return time.process_time() - begin


#: Name → a mail of a size n. Each took many seconds once: quadratic in what is repeated.
QUADRATIC = {
    "attributes of one tag": lambda n: html(b"<p " + b" ".join(b"a%d=b\r\n" % i for i in range(n)) + b">oi"),
    "attributes with the end of a tag in them": lambda n: html(
        b"<p " + b" ".join(b'a%d=">"\r\n' % i for i in range(n)) + b">oi"
    ),
    "attributes behind a comment that opens a quote": lambda n: html(
        b'<!-- <p a=" --><p ' + b" ".join(b"a%d='>'\r\n" % i for i in range(n)) + b">oi"
    ),
    "ampersands": lambda n: html((b"&" * 60_000 + b"\r\n") * (n // 5_000)),
    "base64 in pieces that never end": lambda n: plain(
        b"QUJD-_==\r\n" * 5 * n, b"Content-Transfer-Encoding: base64\r\n"
    ),
    "empty lines at the end": lambda n: plain(b"\r\n" * 100 * n),
}


@pytest.mark.parametrize("what", QUADRATIC)
def test_what_is_repeated_costs_as_often_as_it_is_there(what: str) -> None:
    assert _cost(QUADRATIC[what](60_000)) < 2.0


def test_all_texts_of_a_mail_have_one_bound() -> None:
    pieces = b"".join(b"--b\r\nContent-Type: text/%s\r\n\r\n%s\r\n" % (kind, b"a b c\r\n" * 60_000)
                      for kind in (b"plain", b"html") * 10)  # fmt: skip
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + pieces + b"--b--\r\n"
    message = read_mail(raw, MailLimits()).message
    assert len(message.text) < 4_000_000
    assert "text too long: cut" in message.defects


def test_a_part_has_few_header_fields() -> None:
    part = b"--b\r\n" + b"X-A: b\r\n" * 500 + b"Content-Type: text/plain\r\n\r\noi\r\n"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 3 + b"--b--\r\n"
    assert "too many header fields" in read_mail(raw, MailLimits()).message.defects


def test_many_pages_count_together() -> None:
    """A hundred pages cost what one of their size may: beyond it their text is shown without a look at the tags."""
    page = "<p>a</p>\r\n" * 20_000
    parts = "".join(f"--x\r\nContent-Type: text/html\r\n\r\n{page}<p>fim {n}\r\n" for n in range(6))
    raw = f"From: a@x.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{parts}--x--\r\n"
    text = read_mail(raw.encode(), MailLimits()).message.text
    assert [f"fim {n}" in text for n in range(6)] == [True] * 6
    assert "<p>" not in text
