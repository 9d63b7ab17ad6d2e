"""Who is believed, on the running gateway: strangers, unproven people, holders of a link, machines, our own mails."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from tests.integration import clients
from tests.integration.clients import GMAIL, OUTLOOK, SUPPORT, Person
from tests.integration.desk import BRUNO, Desk, comments, events, notices
from tests.integration.machine import wait_until
from tests.integration.sink import Caught, Mood

#: More mails of one sender than a day brings: what is held then is told elsewhere.
DESK_SETTINGS = {"limits": {"tickets_per_sender": "off"}, "auth": {"trusted": ["border.example.test"]}}


def test_a_stranger_with_the_number_gets_a_ticket_of_his_own_and_learns_nothing(desk: Desk) -> None:
    ana, eve = desk.customer(), desk.customer("Eva", "alhures.test")
    key = desk.opens(ana, "Folha de pagamento", "O salário de Rui está errado.")
    desk.bruno(desk.told(BRUNO.address, key), "Corrigido o salário de Rui.")
    answer = desk.told(ana.address, key, 2)
    before = desk.count_told(ana.address, key), desk.count_told(BRUNO.address, key)
    desk.answers(
        eve, answer, "Me mandem o histórico.", to=SUPPORT, subject=f"Re: Folha de pagamento [{key}]", thread="lost"
    )
    ack = desk.sink.wait_for(1, to=eve.address)[0]
    own = desk.key_of(ack)
    assert own != key
    ticket = desk.settled(own)
    assert (ticket["claims"], ticket["requester"]) == (key, eve.address)
    assert (desk.count_told(ana.address, key), desk.count_told(BRUNO.address, key)) == before
    assert [c["author"] for c in comments(desk.ticket(key))] == [ana.address, BRUNO.address]
    for mail in desk.sink.to(eve.address):
        for secret in ("Rui", "Folha", key + "]", key + " ", "Me mandem", ana.address):
            assert secret not in str(mail.message["Subject"]) + mail.text + mail.html
    warned = desk.told(BRUNO.address, own)
    assert key in warned.text


@pytest.mark.parametrize("how", ["subject key", "Message-ID"])
def test_an_unproven_requester_comments_and_is_marked(desk: Desk, how: str) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Contrato", "Onde está o contrato?")
    desk.bruno(desk.told(BRUNO.address, key), "#com-cliente\nQual contrato?")
    answer = desk.told(ana.address, key, 2)
    before = desk.count_told(BRUNO.address, key)
    way = {"thread": "lost"} if how == "subject key" else {"subject": "Re: Contrato"}
    desk.answers(ana, answer, "O de 2024.", OUTLOOK, to=SUPPORT, **way)
    ticket = desk.ticket(key, lambda row: len(comments(row)) == 3)
    assert comments(ticket)[2]["verified"] is False
    assert ticket["status"] == "aberto"  # it moves as for any answer
    notice = desk.told(BRUNO.address, key, before + 1)
    assert "não verificad" in notice.text.lower()
    desk.settled()
    assert desk.count_told(ana.address, key) == 2


def test_who_holds_the_reply_address_may_comment_from_another_account(desk: Desk) -> None:
    ana, partner = desk.customer(), desk.customer("Caio", "contador.test")
    key = desk.opens(ana, "Imposto", "Qual é a guia?")
    desk.bruno(desk.told(BRUNO.address, key), "Segue a guia.")
    desk.answers(partner, desk.told(ana.address, key, 2), "A guia está vencida.")
    ticket = desk.ticket(key, lambda row: len(comments(row)) == 3)
    said = comments(ticket)[2]
    assert (said["author"], said["text"]) == (partner.address, "A guia está vencida.")
    assert ticket["requester"] == ana.address


def test_who_was_in_cc_of_a_proven_mail_may_comment_once_proven(desk: Desk) -> None:
    domain = desk.proves("provada.test")
    ana, boss, other = (desk.customer(name, domain) for name in ("Ana", "Dora", "Ivo"))
    key = desk.opens(ana, "Licenças", "Precisamos de dez.", cc=boss.mailbox)
    first = desk.sink.to(ana.address)[0]
    assert "Licenças" in str(first.message["Subject"])  # Ana is proven: her own words come back
    desk.answers(boss, first, "Vinte, por favor.", to=SUPPORT, thread="lost", subject=f"RES: Licenças [{key}]")
    ticket = desk.ticket(key, lambda row: len(comments(row)) == 2)
    assert [(c["author"], c["verified"]) for c in comments(ticket)] == [(ana.address, True), (boss.address, True)]
    desk.answers(other, first, "E eu?", to=SUPPORT, thread="lost", subject=f"RES: Licenças [{key}]")
    own = desk.ticket(desk.key_of(desk.sink.wait_for(1, to=other.address)[0]))
    assert own["claims"] == key


def test_cc_of_an_unproven_mail_gives_nobody_a_right(desk: Desk) -> None:
    domain = desk.proves("amiga.test")
    ana, friend = desk.customer(), desk.customer("Dora", domain)
    key = desk.opens(ana, "Acesso", "Liberem o acesso.", cc=friend.mailbox)
    ack = desk.sink.to(ana.address)[0]
    desk.answers(friend, ack, "Sou da equipe.", to=SUPPORT, thread="lost", subject=f"Re: [{key}]")
    own = desk.ticket(desk.key_of(desk.sink.wait_for(1, to=friend.address)[0]))
    assert own["claims"] == key
    assert len(desk.sink.to(friend.address)) == 1


def test_an_answer_to_a_closed_ticket_opens_a_linked_one(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Migração", "Migrem na sexta.")
    desk.bruno(desk.told(BRUNO.address, key), "#fechado\nMigrado.")
    closed = desk.told(ana.address, key, 2)
    desk.ticket(key, lambda row: row["status"] == "fechado")
    raw = desk.answers(ana, closed, "Faltou uma tabela.")
    new = desk.outcome(raw)
    assert new["key"] not in (None, key)
    old = desk.ticket(key)
    assert (old["status"], len(comments(old))) == ("fechado", 2)
    assert new["follow_up_of"]
    assert events(new, "opened")[0]["data"]["follow_up_of"] == key
    assert comments(new)[0]["text"] == "Faltou uma tabela."


PROOF = "{}; dkim=pass header.d=example.test; dmarc=pass header.from=example.test"
SPOOFS = {
    # From, envelope sender, whose word there is for it, and where it goes
    "nothing proves it": (BRUNO.mailbox, BRUNO.address, "", "his"),
    "SPF of another domain": (BRUNO.mailbox, "eva@malvada.test", "", "his"),
    "the word of a server that is not ours": (BRUNO.mailbox, BRUNO.address, "mx.malvada.test", "his"),
    "his address as a name": ("bruno@example.test <eva@malvada.test>", "eva@malvada.test", "", "his"),
    "his address as a comment": ("eva@malvada.test (bruno@example.test)", "eva@malvada.test", "", "his"),
    "two addresses": (f"{BRUNO.mailbox}, eva@malvada.test", "eva@malvada.test", "border.example.test", "his"),
    "proven, to the plain address": (BRUNO.mailbox, BRUNO.address, "border.example.test", "plain"),
    "proven, to his reply address": (BRUNO.mailbox, BRUNO.address, "border.example.test", "his"),
}


@pytest.mark.parametrize("how", SPOOFS)
def test_one_of_eight_mails_in_an_agents_name_is_his_answer(desk: Desk, how: str) -> None:
    desk.proves("malvada.test")
    author, mail_from, server, where = SPOOFS[how]
    ana = desk.customer()
    key = desk.opens(ana, "Transferência", "Confirmem a conta.")
    notice = desk.told(BRUNO.address, key)
    to = clients.address_of(notice) if where == "his" else SUPPORT
    raw = clients.reply(GMAIL, BRUNO, notice, "#resolvido\nA conta é outra.", at=desk.now(), to=to)
    raw = raw.replace(f"From: {BRUNO.mailbox}\r\n".encode(), f"From: {author}\r\n".encode(), 1)
    if server:
        raw = f"Authentication-Results: {PROOF.format(server)}\r\n".encode() + raw
    desk.gateway.send(raw, [to], mail_from)
    desk.outcome(raw)
    ticket = desk.settled(key)
    if how == "proven, to his reply address":
        assert (ticket["status"], desk.count_told(ana.address, key)) == ("resolvido", 2)
        assert "A conta é outra." in desk.told(ana.address, key, 2).text
    else:
        assert (ticket["status"], desk.count_told(ana.address, key)) == ("aberto", 1)
        assert notices(ticket, "N5") == []


def test_an_answer_that_still_holds_a_link_of_ours_waits_for_its_agent(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Acesso", "Não consigo entrar.")
    notice = desk.told(BRUNO.address, key)
    raw = desk.bruno(notice, f"Veja em {desk.link_in(notice)} o que falta.", OUTLOOK)
    assert [m["kind"] for m in desk.outcome(raw)["messages"]].count("held") == 1
    asked = desk.told(BRUNO.address, key, 2)
    desk.settled()
    assert desk.count_told(ana.address, key) == 1
    assert desk.fetch(desk.link_in(asked, "confirm"), post=True)[0] == 200
    assert "Veja em http" in desk.told(ana.address, key, 2).text


def test_two_from_fields_are_held(desk: Desk) -> None:
    ana = desk.customer()
    raw = clients.first(GMAIL, ana, "Duas", "Quem sou?", at=desk.now())
    raw = f"From: {BRUNO.mailbox}\r\n".encode() + raw
    desk.gateway.send(raw, [SUPPORT], ana.address)
    row = desk.outcome(raw)
    assert (row["key"], row["outcome"], row["reason"]) == (None, "held", "ambiguous")
    desk.settled()
    assert desk.sink.to(ana.address) == []


MACHINES = {
    "auto-reply": "Auto-Submitted: auto-replied",
    "list": "List-Id: <lista.alhures.test>",
    "bulk": "Precedence: bulk",
    "suppressed": "X-Auto-Response-Suppress: All",
}


@pytest.mark.parametrize("header", MACHINES.values(), ids=MACHINES)
def test_machines_get_no_acknowledgement(desk: Desk, header: str) -> None:
    bot = desk.customer("Robô", "robos.test")
    raw = header.encode() + b"\r\n" + clients.first(GMAIL, bot, "Relatório diário", "Tudo certo.", at=desk.now())
    desk.gateway.send(raw, [SUPPORT], bot.address)
    desk.outcome(raw)
    desk.settled()
    assert desk.sink.to(bot.address) == []


@pytest.mark.parametrize("subject", ["Férias", "Férias do mês não calculam", "Ausência de dados no relatório"])
def test_a_subject_that_a_person_may_write_is_never_lost(desk: Desk, subject: str) -> None:
    ana = desk.customer()
    raw = clients.first(OUTLOOK, ana, subject, "O cálculo está errado.", at=desk.now())
    desk.gateway.send(raw, [SUPPORT], ana.address)
    row = desk.outcome(raw)
    assert row["key"], row
    desk.told(BRUNO.address, row["key"])


def report_about(mail: Caught, recipient: str) -> bytes:
    """A delivery report as an MTA writes it, to the envelope sender (RFC 3464)."""
    report = EmailMessage(policy=SMTP)
    report["From"] = "Mail Delivery System <MAILER-DAEMON@mx.alhures.test>"
    report["To"] = mail.mail_from
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Auto-Submitted"] = "auto-replied"
    report["Message-ID"] = f"<dsn-{mail.message_id[:20]}@mx.alhures.test>"
    raw = report.as_bytes()[:-2]
    head = mail.raw.partition(b"\r\n\r\n")[0]
    return (
        raw + b'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n\r\n'
        b"--b1\r\nContent-Type: text/plain\r\n\r\nI could not deliver your message.\r\n"
        b"--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.alhures.test\r\n\r\n"
        b"Final-Recipient: rfc822; " + recipient.encode() + b"\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 no such person\r\n\r\n"
        b"--b1\r\nContent-Type: text/rfc822-headers\r\n\r\n" + head + b"\r\n\r\n--b1--\r\n"
    )


def test_a_delivery_report_about_our_answer_is_an_event_and_the_agent_knows(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Recibo", "Enviem o recibo.")
    desk.bruno(desk.told(BRUNO.address, key), "Segue o recibo.")
    answer = desk.told(ana.address, key, 2)
    assert answer.mail_from.startswith("suporte+b")
    raw = report_about(answer, ana.address)
    desk.gateway.send(raw, [answer.mail_from], "")
    [event] = events(desk.ticket(key, lambda row: events(row, "delivery_failed")), "delivery_failed")
    assert event["data"]["recipient"] == ana.address
    assert event["data"]["status"] == "5.1.1"
    assert ana.address in desk.told(BRUNO.address, key, 2).text
    assert len(comments(desk.settled(key))) == 2
    assert desk.count_told(ana.address, key) == 2


def test_a_report_about_no_mail_of_ours_does_nothing(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Extrato", "Enviem o extrato.")
    ack = desk.sink.to(ana.address)[0]
    forged = ack.raw.replace(ack.message_id.encode(), b"abc.def@mx.example.test")
    raw = report_about(Caught(SUPPORT, (ana.address,), forged, ack.at), ana.address)
    desk.gateway.send(raw, [SUPPORT], "")
    assert desk.outcome(raw)["outcome"] == "dsn"
    assert events(desk.settled(key), "delivery_failed") == []


def test_an_address_rests_after_two_signed_reports_and_not_after_a_forged_one(desk: Desk) -> None:
    """By SMTP: a forged one changes nothing, signed ones of two mails end the notices; a probe lets one pass again."""
    ana = desk.customer("Olga", "sumiu.test")
    key = desk.opens(ana, "Nota", "Enviem a nota.")
    desk.bruno(desk.told(BRUNO.address, key), "Segue a nota.")
    answer = desk.told(ana.address, key, 2)
    letter = "b" if answer.message_id[0] == "a" else "a"
    forged = answer.raw.replace(answer.message_id.encode(), (letter + answer.message_id[1:]).encode())
    raw = report_about(Caught(SUPPORT, (ana.address,), forged, answer.at), ana.address)
    desk.gateway.send(raw, [SUPPORT], "")
    assert desk.outcome(raw)["outcome"] == "dsn"
    assert _rests_until(desk, ana.address) is None
    desk.gateway.send(report_about(answer, ana.address), [answer.mail_from], "")
    failed = desk.told(BRUNO.address, key, 2)
    assert _rests_until(desk, ana.address) is None, "one report alone makes no address rest"
    desk.bruno(failed, "Segue outra vez.")
    again = desk.told(ana.address, key, 3)
    desk.gateway.send(report_about(again, ana.address), [again.mail_from], "")
    ticket = desk.ticket(key, lambda row: events(row, "address_suppressed"))
    [event] = events(ticket, "address_suppressed")
    assert (event["data"]["address"], event["data"]["reason"]) == (ana.address, "unknown_recipient")
    told = desk.told(BRUNO.address, key, 3)
    assert "contact probe" in told.text
    assert _rests_until(desk, ana.address)
    desk.bruno(told, "Recebeu?")
    assert "não foi enviada" in desk.told(BRUNO.address, key, 4).text
    assert desk.count_told(ana.address, key) == 3
    assert desk.gateway.run("contact", "probe", ana.address).returncode == 0
    desk.bruno(told, "E agora?")
    assert "E agora?" in desk.told(ana.address, key, 4).text


def _rests_until(desk: Desk, address: str) -> object:
    return desk.gateway.json("contact", "show", address, "--json")[0]["suppressed_until"]


def test_a_refusal_by_the_relay_is_an_event_and_the_agent_knows(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Nota", "Enviem a nota.")
    desk.sink.mood = Mood(at_rcpt={ana.address: "550 5.1.1 no such person"})
    try:
        desk.bruno(desk.told(BRUNO.address, key), "Segue a nota.")
        ticket = desk.ticket(key, lambda row: events(row, "delivery_failed"))
    finally:
        desk.sink.mood = Mood()
    [event] = events(ticket, "delivery_failed")
    assert event["data"]["recipient"] == ana.address
    assert "no such person" in event["data"]["answer"]
    assert ana.address in desk.told(BRUNO.address, key, 2).text
    assert [n["state"] for n in notices(desk.settled(key), "N5")] == ["failed"]


def test_our_own_notice_sent_back_is_held(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Eco", "Há eco.")
    ack = desk.sink.to(ana.address)[0]
    desk.gateway.send(ack.raw, [SUPPORT], ana.address)
    row = desk.outcome(ack.raw)
    assert (row["outcome"], row["reason"]) == ("held", "loop")
    assert len(comments(desk.settled(key))) == 1
    assert len(desk.sink.to(ana.address)) == 1


def test_acknowledgements_to_one_unproven_address_are_capped(desk: Desk) -> None:
    victim = desk.customer("Vítima", "alvo.test")
    send_many(desk, victim, 20)
    assert len(desk.sink.to(victim.address)) == 1  # 1 within 10 minutes


def test_a_proven_sender_of_many_gets_one_digest(desk: Desk) -> None:
    robot = desk.customer("Painel", desk.proves("painel.test"))
    mine = send_many(desk, robot, 33)
    assert len(desk.sink.to(robot.address)) == 30
    waiting = [m for row in mine for m in row["messages"] if m.get("notice") == "ACK_DIGEST"]
    assert len(waiting) == 1


def send_many(desk: Desk, who: Person, count: int) -> list[dict[str, Any]]:
    """That many first mails of one person; the tickets they became, once every notice but a digest has left."""
    for number in range(count):
        raw = clients.first(GMAIL, who, f"Alarme {number}", f"O disco {number} encheu.", at=desk.now())
        desk.gateway.send(raw, [SUPPORT], who.address)

    def mine() -> list[dict[str, Any]]:
        rows = [row for row in desk.rows() if row["key"] and row["requester"] == who.address]
        left = [m for row in rows for m in row["messages"] if m.get("state") in ("waiting", "sending")]
        done = len(rows) == count and all(m["notice"] == "ACK_DIGEST" for m in left)
        return rows if done else []

    return wait_until(mine, 40, f"{count} tickets of {who.address}", every=0.2)
