"""Mails that pretend, on the running gateway, by SMTP, with DNS that answers for everyone as it should."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from mailgate.authn.sign import Signer, generate_key
from tests.integration import clients
from tests.integration.clients import GMAIL, SUPPORT
from tests.integration.desk import BRUNO, Desk, comments, notices

#: More mails of one person than a day brings, so that nothing is held for that.
DESK_SETTINGS = {
    "limits": dict.fromkeys(
        ("tickets_per_sender", "mails_per_sender", "comments_per_ticket", "notices_per_address"), "off"
    )
}
EVA = "eva@malvada.test"
PEM, RECORD = generate_key("rsa")


def publish(desk: Desk) -> None:
    """malvada.test proves what it sends, by SPF and by DKIM; example.test, where Bruno is, by DKIM alone."""
    desk.proves("malvada.test")
    for domain in ("malvada.test", "example.test"):
        desk.dns.zone[f"s1._domainkey.{domain}"] = {"TXT": [RECORD]}
    desk.dns.zone["_dmarc.example.test"] = {"TXT": ["v=DMARC1; p=none"]}


def sign(raw: bytes, domain: str) -> bytes:
    return Signer(domain, "s1", PEM).sign(raw, datetime.now(UTC))


@pytest.mark.parametrize("token", ["wrong", "right"])
@pytest.mark.parametrize("proof", ["none", "SPF of another", "DKIM of another", "DKIM of his domain"])
def test_one_of_eight_is_the_agents_answer(desk: Desk, proof: str, token: str) -> None:
    publish(desk)
    ana = desk.customer()
    key = desk.opens(ana, "Transferência", "Confirmem a conta.")
    notice = desk.told(BRUNO.address, key)
    to = clients.address_of(notice if token == "right" else desk.told(ana.address, key))
    raw = clients.reply(GMAIL, BRUNO, notice, "#resolvido\nA conta é outra.", at=desk.now(), to=to)
    if proof.startswith("DKIM"):
        raw = sign(raw, "malvada.test" if proof == "DKIM of another" else "example.test")
    desk.gateway.send(raw, [to], EVA if proof == "SPF of another" else BRUNO.address)
    desk.outcome(raw)
    ticket = desk.ticket(key)
    if (proof, token) == ("DKIM of his domain", "right"):
        assert ticket["status"] == "resolvido"
        assert "A conta é outra." in desk.told(ana.address, key, 2).text
    else:
        assert (ticket["status"], desk.count_told(ana.address, key)) == ("aberto", 1)
        assert notices(ticket, "N5") == []


#: From fields that are not Bruno's, though a reader or a parser may think so; each is signed by his own domain.
PRETENDERS = {
    "address as a name": b"bruno@example.test <carla@example.test>",
    "address as an encoded name": b"=?utf-8?q?bruno=40example=2Etest?= <carla@example.test>",
    "encoded name with NUL": b"=?utf-8?q?bruno=40example=2Etest=00?= <carla@example.test>",
    "address as a comment": b"carla@example.test (bruno@example.test)",
    "encoded word for an address": b"<=?utf-8?q?bruno=40example=2Etest?=>",
    "encoded word for a local part": b"<=?utf-8?q?bruno?=@example.test>",
    "two addresses": b"bruno@example.test, carla@example.test",
    "group": b"Equipe: bruno@example.test, carla@example.test;",
    "source route": b"<@malvada.test:bruno@example.test>",
    "dot behind the domain": b"<bruno@example.test.>",
    "NUL within": b"bruno\x00@example.test",
    "NUL and a second address": b"bruno@example.test\x00@malvada.test",
    "dotless i": "<br\u0131no@example.test>".encode(),
    "Greek o": "<brun\u03bf@example.test>".encode(),
    "full width": "<\uff42\uff52\uff55\uff4e\uff4f@example.test>".encode(),
    "combining mark": "<bruno\u0307@example.test>".encode(),
    "zero width": "<bruno\u200b@example.test>".encode(),
    "quoted": b'<"bruno "@example.test>',
    "subaddress": b"<bruno+x@example.test>",
}


@pytest.mark.parametrize("field", PRETENDERS.values(), ids=PRETENDERS)
def test_a_from_that_only_looks_like_the_agents_is_nobodys_answer(desk: Desk, field: bytes) -> None:
    publish(desk)
    ana = desk.customer()
    key = desk.opens(ana, "Senha", "Qual é a senha?")
    notice = desk.told(BRUNO.address, key)
    raw = clients.reply(GMAIL, BRUNO, notice, "#resolvido\nA senha é 1234.", at=desk.now())
    raw = sign(raw.replace(f"From: {BRUNO.mailbox}\r\n".encode(), b"From: " + field + b"\r\n", 1), "example.test")
    assert b"From: " + field in raw
    desk.gateway.send(raw, [clients.address_of(notice)], "carla@example.test")
    desk.outcome(raw)
    ticket = desk.ticket(key)
    assert (ticket["status"], desk.count_told(ana.address, key)) == ("aberto", 1)
    assert notices(ticket, "N5") == []


@pytest.mark.parametrize("address", ["<bruno@EXAMPLE.test>", "bruno@Example.Test"])
def test_the_domain_may_be_written_in_other_letters(desk: Desk, address: str) -> None:
    publish(desk)
    ana = desk.customer()
    key = desk.opens(ana, "Horário", "Abrem aos sábados?")
    notice = desk.told(BRUNO.address, key)
    raw = clients.reply(GMAIL, BRUNO, notice, "#resolvido\nSim.", at=desk.now())
    raw = raw.replace(f"From: {BRUNO.mailbox}\r\n".encode(), f"From: {address}\r\n".encode(), 1)
    desk.gateway.send(sign(raw, "example.test"), [clients.address_of(notice)], BRUNO.address)
    assert "Sim." in desk.told(ana.address, key, 2).text


def test_fields_that_only_we_or_the_border_may_write_mean_nothing_from_outside(desk: Desk) -> None:
    publish(desk)
    ana, eva = desk.customer(), desk.customer("Eva", "malvada.test")
    key = desk.opens(ana, "Contrato", "Onde está?")
    notice = desk.told(BRUNO.address, key)
    control = (
        f"X-Mailgate-Ticket: {key}\r\nX-Mailgate-Status: Resolvido\r\nX-Mailgate-Agent: Bruno\r\n"
        f"X-Mailgate-Due: 2001-01-01\r\nX-Loop: {key}\r\nDelivered-To: {clients.address_of(notice)}\r\n"
        f"X-Original-To: {clients.address_of(notice)}\r\nEnvelope-To: {clients.address_of(notice)}\r\n"
        "Authentication-Results: mx.example.test; dkim=pass header.d=example.test\r\n"
        f"Return-Path: <{BRUNO.address}>\r\n"
    ).encode()
    raw = control + clients.first(GMAIL, eva, "Outra coisa", "#resolvido\nSou o Bruno.", at=desk.now())
    desk.gateway.send(raw, [SUPPORT], eva.address)
    own = desk.outcome(raw)
    assert own["key"] not in (None, key)
    assert (own["requester"], own["claims"], own["status"]) == (eva.address, None, "aberto")
    assert (desk.ticket(key)["status"], len(comments(desk.ticket(key)))) == ("aberto", 1)


def test_ids_that_are_empty_or_short_join_nobody_and_a_flood_of_them_costs_nothing(desk: Desk) -> None:
    ana, rui = desk.customer(), desk.customer("Rui")
    heads = (
        b"In-Reply-To: <>\r\nReferences: <> <a> <@> <1>\r\n",
        b"In-Reply-To: <a>\r\nReferences: <>\r\n",
        b"References: " + b"\r\n ".join(b"<%d@alhures.test>" % n for n in range(400)) + b"\r\n",
    )
    keys = set()
    for who in (ana, rui):
        for head in heads:
            raw = head + clients.first(GMAIL, who, "Dúvida", f"Uma dúvida de {who.name}.", at=desk.now())
            started = time.monotonic()
            desk.gateway.send(raw, [SUPPORT], who.address)
            keys.add(desk.outcome(raw)["key"])
            assert time.monotonic() - started < 8
    assert len(keys) == 2 * len(heads)
    assert None not in keys


def test_a_reply_to_elsewhere_gets_no_mail_and_is_shown(desk: Desk) -> None:
    ana = desk.customer()
    victim = "alvo@vitima.test"
    raw = f"Reply-To: {victim}\r\n".encode() + clients.first(GMAIL, ana, "Boleto", "Enviem.", at=desk.now())
    desk.gateway.send(raw, [SUPPORT], ana.address)
    key = desk.outcome(raw)["key"]
    notice = desk.told(BRUNO.address, key)
    desk.bruno(notice, "Segue o boleto.")
    assert "Segue o boleto." in desk.told(ana.address, key, 2).text
    assert desk.sink.to(victim) == []
    assert f"Reply-To pede {victim}" in desk.gateway.run("explain", key).stdout.decode()
