"""Who somebody is: addresses compared as the threats demand."""

from __future__ import annotations

import pytest

from mailgate.mail.addresses import is_no_reply, normalise, parse_address, same, split_subaddress
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Address
from mailgate.mail.parse import read_mail


def author_of(from_line: str) -> str | None:
    raw = f"{from_line}\r\nTo: s@example.test\r\n\r\noi\r\n".encode()
    author = read_mail(raw, MailLimits()).message.author
    return author.address if author else None


@pytest.mark.parametrize(
    "line",
    [
        "From: ana@cliente.test",
        "From: Ana <ana@cliente.test>",
        'From: "Souza, Ana (Financeiro)" <ana@cliente.test>',
        'From: "agente@example.test" <ana@cliente.test>',
        "From: ana@cliente.test <ana@cliente.test>",
        "From: Suporte [TI] <ana@cliente.test>",
        "From: =?utf-8?Q?Jo=C3=A3o?= <ana@CLIENTE.test>",
        "From: ana@cliente.test (Ana)",
    ],
)
def test_one_address_is_the_author(line: str) -> None:
    assert author_of(line) == "ana@cliente.test"


@pytest.mark.parametrize(
    "line",
    [
        "From: agente@example.test <mallory@evil.test>",
        "From: agente@example.test, mallory@evil.test",
        "From: agente@example.test\r\nFrom: mallory@evil.test",
        "From: <agente@example.test> <mallory@evil.test>",
        "From: agentes: agente@example.test, mallory@evil.test;",
        "From: agente@example.test\r\n mallory@evil.test",
        "From: nobody",
        "X-From: agente@example.test",
    ],
)
def test_anything_else_has_no_author(line: str) -> None:
    assert author_of(line) is None


def test_local_parts_are_compared_as_written_and_domains_without_case() -> None:
    assert same("ana@CLIENTE.test", "ana@cliente.test.")
    assert not same("Ana@cliente.test", "ana@cliente.test")
    assert not same("mıke@cliente.test", "mike@cliente.test")
    assert same("ana@bücher.test", "ana@xn--bcher-kva.test")
    assert same("ana@BÜCHER.test", "ana@xn--bcher-kva.test")


@pytest.mark.parametrize("twin", ["cliente.te\u017ft", "clien\uff54e.test", "cliente\u3002test", "clien\u00adte.test",
                                  "\u212aliente.test"])  # fmt: skip
def test_a_domain_that_folds_to_another_is_not_it(twin: str) -> None:
    assert not any(same(f"ana@{twin}", f"ana@{other}") for other in ("cliente.test", "kliente.test"))
    assert normalise(normalise(f"ana@{twin}")) == normalise(f"ana@{twin}")


def test_a_sharp_s_is_a_letter_of_its_own() -> None:
    assert normalise("ana@straße.test") == "ana@xn--strae-oqa.test"


def test_normalise_gives_an_ascii_domain_and_never_fails() -> None:
    assert normalise(" Ana@Bücher.TEST ") == "Ana@xn--bcher-kva.test"
    assert normalise("no domain\r\n") == "no domain"
    assert normalise("a@" + "ü" * 300) == "a@" + "ü" * 300


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"ana"@x.test', "ana@x.test"),
        (r'"\a\n\a"@x.test', "ana@x.test"),
        ('"a"."b"@x.test', "a.b@x.test"),
        ('"joão"@x.test', "joão@x.test"),
        ('"ana "@x.test', '"ana "@x.test'),
        ('"ana..b"@x.test', '"ana..b"@x.test'),
        (r'"a\ b"."c"@x.test', '"a b.c"@x.test'),
        (r'"a\"\\b"@x.test', r'"a\"\\b"@x.test'),
        ('"@x.test', '"@x.test'),
        ('"a"b@x.test', '"a"b@x.test'),
        ('""@x.test', '""@x.test'),
    ],
)
def test_a_local_part_has_as_few_quotation_marks_as_it_needs(written: str, read: str) -> None:
    """RFC 5321 §4.1.2: they are spelling. What breaks the grammar stays as it is."""
    assert normalise(written) == read
    assert normalise(read) == read


def test_parse_address_takes_one_mailbox_only() -> None:
    assert parse_address("Ana Souza <ana@cliente.test>") == Address("Ana Souza", "ana@cliente.test")
    assert parse_address("a@x.test, b@x.test") is None
    assert parse_address("agente@example.test <mallory@evil.test>") is None
    assert parse_address("") is None


def test_subaddress() -> None:
    assert split_subaddress("suporte+k3.ab+c@Example.test") == ("suporte@example.test", "k3.ab+c")
    assert split_subaddress("suporte@example.test") == ("suporte@example.test", "")
    assert split_subaddress("+x@example.test") == ("+x@example.test", "")


@pytest.mark.parametrize(
    "address",
    [
        "no-reply@x.test",
        "NoReply@x.test",
        "nao-responda@x.test",
        "não-responda@x.test",
        "mailer-daemon@x.test",
        "bounces+123@x.test",
        "notificacao-noreply@x.test",
    ],
)
def test_nobody_reads_these(address: str) -> None:
    assert is_no_reply(address)


@pytest.mark.parametrize("address", ["ana@x.test", "norberto@x.test", "responda@x.test", "reply@x.test"])
def test_somebody_reads_these(address: str) -> None:
    assert not is_no_reply(address)


def test_a_broken_encoded_word_in_the_name_does_not_stop_the_reader() -> None:
    """mail-parser 4.8 raises HeaderParseError here."""
    assert author_of("From: =?utf-8?B?QW5hI?= <ana@cliente.test>") == "ana@cliente.test"
    assert parse_address("=?utf-8?B?QW5hI?= <ana@cliente.test>") in (None, Address("Ana", "ana@cliente.test"))
