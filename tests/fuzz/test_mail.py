"""Any bytes give a value: hypothesis against everything that reads what strangers send."""

from __future__ import annotations

import email
import email.policy
import json
from datetime import UTC, datetime

import html5lib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailgate.mail.addresses import normalise, parse_address, split_subaddress
from mailgate.mail.asjson import as_json
from mailgate.mail.body import strip_reply
from mailgate.mail.build import OutgoingMail, build
from mailgate.mail.fingerprint import fingerprint
from mailgate.mail.html import linkify, sanitise
from mailgate.mail.htmltext import to_text
from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail
from mailgate.mail.subject import find_keys, strip_prefixes

RELAXED = settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
L = MailLimits()

#: Pieces that mails are made of, and what breaks them.
PIECES = st.sampled_from(
    [
        b"From: ",
        b"To: ",
        b"Subject: ",
        b"Date: ",
        b"Message-ID: <",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: text/html; charset=",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Disposition: attachment; ",
        b"filename*0*=utf-8''a%C3",
        b"=?utf-8?q?=0D=0A?=",
        b"=?x?b?",
        b"--b\r\n",
        b"--b--\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"<a@b>",
        b",",
        b";",
        b'"',
        b"(",
        b"\\",
        b"<",
        b">",
        b"=",
        b"\0",
        b"\xff\xfe",
        b"\xc3\xa3",
        b"\x1b$B",
        b"message/rfc822",
        b"<img src=data:image/png;base64,AAAA>",
        b"<div>",
        b"</p>",
        b"> ",
        b"On 1/1/2020 a@b wrote:\n",
        b"begin 644 a\n",
        b"\nend\n",
        b"Return-Path: <>\r\n",
        b"message/delivery-status",
        b"Final-Recipient: rfc822; x@y\r\n",
        b"utf-7",
        b"zlib_codec",
    ]
)
MAILS = st.one_of(
    st.binary(max_size=500), st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=60).map(b"".join)
)


@RELAXED
@given(MAILS)
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    mail = read_mail(raw, L, mail_from="")
    json.dumps(as_json("x", mail), ensure_ascii=False).encode("utf-8")
    for name, value in mail.message.headers:
        assert "\n" not in value, name
        assert "\r" not in value, name
    assert fingerprint(raw) == mail.message.fingerprint
    assert "\0" not in mail.message.text


@RELAXED
@given(
    st.one_of(
        st.text(max_size=400),
        st.lists(
            st.sampled_from(
                [
                    "> x",
                    "On 1/1/2020 10:00 a@b wrote:",
                    "De: a",
                    "Para: b",
                    "Assunto: c",
                    "-- ",
                    "oi",
                    "",
                    "-----Mensagem original-----",
                    "Enviado do meu iPhone",
                    "--- Responda acima desta linha ---",
                    ">:",
                    "<a@b",
                    "wrote:",
                ]
            ),
            max_size=30,
        ).map("\n".join),
    )
)
def test_a_reply_loses_no_word(text: str) -> None:
    reply, elided = strip_reply(text)
    words = text.replace("\r", "\n").split()
    assert sorted(f"{reply}\n{elided}".split()) == sorted(words)
    assert reply.strip() or not text.strip()


@RELAXED
@given(
    st.one_of(
        st.text(max_size=300),
        st.lists(
            st.sampled_from(
                [
                    "<p",
                    ">",
                    "<script>",
                    "</script>",
                    "<img src=",
                    "onerror=",
                    "'",
                    '"',
                    "javascript:",
                    "<a href=",
                    "<style>",
                    "<!--",
                    "-->",
                    "<svg>",
                    "<math>",
                    "<table>",
                    "&#",
                    "x",
                    "data:",
                    "<![CDATA[",
                    "\0",
                ]
            ),
            max_size=30,
        ).map("".join),
    )
)
def test_cleaned_html_stays_clean(page: str) -> None:
    cleaned = sanitise(page, L)
    for element in html5lib.parseFragment(cleaned, namespaceHTMLElements=False).iter():
        assert str(element.tag).lower() not in {"script", "style", "svg", "math", "iframe"}
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert not value.strip().lower().startswith("javascript:")
    to_text(page)
    assert "<script" not in linkify(page)


@RELAXED
@given(st.text(max_size=200))
def test_addresses_and_subjects_are_total(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    split_subaddress(text)
    found = parse_address(text)
    assert found is None or "@" in found.address
    assert strip_prefixes(strip_prefixes(text)) == strip_prefixes(text)
    assert len(find_keys(text, "SUP")) <= 5


@RELAXED
@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=500))
def test_what_we_build_has_our_headers_only(name: str, subject: str, text: str) -> None:
    head = OutgoingMail(
        name, "s@example.test", name, "ana@cliente.test", subject, "1@example.test", datetime(2025, 1, 1, tzinfo=UTC)
    )
    raw = build(head, text, f"<p>{text}</p>")
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    assert [key for key, _ in message.items()] == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
    ]
    back = read_mail(raw, L).message
    assert back.author is not None
    assert back.author.address == "s@example.test"
