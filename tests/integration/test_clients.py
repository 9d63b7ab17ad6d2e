"""Mails as Gmail, Outlook, Apple Mail, Thunderbird and iPhone write them: right ticket, right words, right images."""

from __future__ import annotations

import re

import pytest

from tests.house import png
from tests.integration import clients
from tests.integration.clients import (
    APPLE,
    GMAIL,
    OUTLOOK,
    OUTLOOK_WEB,
    SUPPORT,
    THUNDERBIRD,
    Attached,
    Client,
    Picture,
)
from tests.integration.desk import BRUNO, Desk, comments, events, notices, parts
from tests.integration.machine import wait_until
from tests.integration.sink import Caught

SCREEN = Picture("image001.png", png())
NAMES = [client.name for client in clients.ALL]
MARKER = "Responda acima desta linha"


@pytest.mark.parametrize("client", clients.ALL, ids=NAMES)
def test_a_customer_of_each_client_writes_shows_and_answers(desk: Desk, client: Client) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Nota fiscal não sai", "Bom dia,\n\nA nota não sai, veja a tela.", client, picture=SCREEN)
    notice = desk.told(BRUNO.address, key)
    assert "A nota não sai, veja a tela." in notice.text
    assert [content for _, _, content in parts(notice)] == [SCREEN.content]
    if not client.text_only_pictures:
        assert f"cid:{parts(notice)[0][1]}" in notice.html  # in its place, not only attached

    assert SCREEN.content in desk.images_of(desk.link_in(desk.sink.to(ana.address)[0]))

    desk.bruno(notice, "Qual é a versão?")
    answer = desk.told(ana.address, key, 2)
    desk.answers(ana, answer, "É a 12.1, obrigada.", client)
    desk.answers(ana, answer, "Esqueci: Windows 11.", client, thread="lost", to=SUPPORT)
    ticket = desk.ticket(key, lambda row: len(comments(row)) == 4)
    assert [c["text"].split("\n\nEnviado do meu")[0] for c in comments(ticket)[1:]] == [
        "Qual é a versão?",
        "É a 12.1, obrigada.",
        "Esqueci: Windows 11.",
    ]
    assert [c["direction"] for c in comments(ticket)] == ["in", "out", "in", "in"]
    assert MARKER not in "".join(c["text"] for c in comments(ticket))
    [image] = desk.attachments(key)
    assert (image["inline"], image["sha256"]) == (True, SCREEN.sha256.hex())


def test_a_thread_that_a_gateway_overwrote_is_found_by_the_key(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Certificado vencido", "O certificado venceu.", OUTLOOK)
    ack = desk.sink.to(ana.address)[0]
    subject = f"RES: ENC: Re: Certificado vencido [{key.lower()}] (Aberto)"
    desk.answers(ana, ack, "Já renovei.", OUTLOOK, thread="overwritten", to=SUPPORT, subject=subject)
    ticket = desk.ticket(key, lambda row: len(comments(row)) == 2)
    assert comments(ticket)[1]["text"] == "Já renovei."


@pytest.mark.parametrize("client", clients.ALL, ids=NAMES)
def test_nothing_of_our_notice_reaches_the_customer(desk: Desk, client: Client) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Impressora parada", "A impressora do caixa parou.")
    notice = desk.told(BRUNO.address, key)
    steps = Attached("passos.pdf", b"%PDF-1.4 passos de " + client.name.encode())
    shown = Picture("tela.png", png(colour=(20, 120, 60)), "tela1@bruno")
    desk.bruno(notice, "Reinicie o serviço,\nveja a figura e o anexo.", client, picture=shown, files=[steps])
    answer = desk.told(ana.address, key, 2)
    assert "Reinicie o serviço," in answer.text
    assert "veja a figura e o anexo." in answer.text
    assert {content for _, _, content in parts(answer)} == {shown.content, steps.content}
    assert answer.message["Subject"] == f"Re: Impressora parada [{key}]"
    assert leaked(notice, answer) == []
    [said] = comments(desk.ticket(key))[1:]
    assert said["text"].split("\n\nEnviado do meu")[0] == "Reinicie o serviço,\nveja a figura e o anexo."


def leaked(notice: Caught, answer: Caught) -> list[str]:
    """What of Bruno's notice stands in the customer's answer, in either face: the lines meant for him alone."""
    both = answer.text + re.sub(r"<[^>]+>", "\n", answer.html) + answer.html
    token = clients.address_of(notice).partition("@")[0]
    own = re.findall(r"https?://\S+/t/\S+", notice.text)
    start = notice.text.index("Como responder") if "Como responder" in notice.text else notice.text.index("#nota")
    sheet = [line.strip("- ") for line in notice.text[start:].splitlines()[:6] if len(line.strip("- ")) > 8]
    found = [
        line
        for line in (token, *own, *sheet, f"{SUPPORT}> escreveu:", "Sistemas escreveu:", "Enviada em", "Enviado:")
        if line in both
    ]
    return found + [MARKER] * (answer.text.count(MARKER) - 1)


@pytest.mark.parametrize("place", ["top", "bottom"])
@pytest.mark.parametrize(("word", "client"), [("resolvido", OUTLOOK), ("Resolved", GMAIL), ("resuelto", APPLE)])
def test_a_status_is_a_line_at_the_top_or_at_the_end(desk: Desk, word: str, client: Client, place: str) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Relatório em branco", "O relatório sai em branco.")
    text = f"#{word}\nCorrigido na 12.2." if place == "top" else f"Corrigido na 12.2.\n\n#{word}"
    desk.bruno(desk.told(BRUNO.address, key), text, client)
    answer = desk.told(ana.address, key, 2)
    assert answer.message["X-Mailgate-Status"] == "Resolvido"
    assert "Corrigido na 12.2." in answer.text
    assert f"#{word}" not in answer.text + answer.html
    ticket = desk.ticket(key, lambda row: row["status"] == "resolvido")
    assert [c["text"] for c in comments(ticket)][1:] == ["Corrigido na 12.2."]
    assert ticket["agent"] == BRUNO.address


def test_an_unknown_command_sends_nothing_and_lists_what_there_is(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Boleto", "O boleto venceu.")
    desk.bruno(desk.told(BRUNO.address, key), "#foo\nSegue o boleto novo.", GMAIL)
    told = desk.told(BRUNO.address, key, 2)
    assert "#foo" in told.text
    for command in ("#resolvido", "#com-cliente", "#fechado", "#nota"):
        assert command in told.text
    ticket = desk.settled(key)
    assert desk.count_told(ana.address, key) == 1  # the acknowledgement
    assert ticket["status"] == "aberto"
    [note] = comments(ticket, "note")
    assert "Segue o boleto novo." in note["text"]
    desk.bruno(told, "Segue o boleto novo.\n#resolvido", GMAIL)
    assert "Segue o boleto novo." in desk.told(ana.address, key, 2).text


@pytest.mark.parametrize("client", [OUTLOOK_WEB, THUNDERBIRD], ids=lambda c: c.name)
def test_an_unproven_agent_is_asked_and_his_link_sends_it_once(desk: Desk, client: Client) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Backup", "O backup falhou.")
    notice = desk.told(BRUNO.address, key)
    clip = Attached("log.pdf", b"%PDF-1.4 log")
    desk.answers(BRUNO, notice, "Rode de novo, por favor.", client, files=[clip])
    asked = desk.told(BRUNO.address, key, 2)
    link = desk.link_in(asked, "confirm")
    assert desk.fetch(link)[0] == 200
    assert desk.fetch(link)[0] == 200  # looking changes nothing, however often
    ticket = desk.settled(key)
    assert (len(comments(ticket)), [n["text"] for n in comments(ticket, "note")]) == (1, ["Rode de novo, por favor."])
    assert desk.count_told(ana.address, key) == 1

    assert desk.fetch(link, post=True)[0] == 200
    assert desk.fetch(link, post=True)[0] == 410
    answer = desk.told(ana.address, key, 2)
    assert "Rode de novo, por favor." in answer.text
    assert [content for _, _, content in parts(answer)] == [clip.content]
    assert leaked(notice, answer) == []
    ticket = desk.settled(key)
    assert len(notices(ticket, "N5")) == 1
    assert [c["text"] for c in comments(ticket)][1:] == ["Rode de novo, por favor."]
    assert comments(ticket, "note") == []
    assert desk.count_told(ana.address, key) == 2


@pytest.mark.parametrize("way", ["plain address", "cc"])
def test_an_agents_mail_that_comes_another_way_is_a_note(desk: Desk, way: str) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Senha", "Esqueci a senha.")
    notice = desk.told(BRUNO.address, key)
    to = SUPPORT if way == "plain address" else f"{ana.mailbox}, {SUPPORT}"
    raw = clients.reply(GMAIL, BRUNO, notice, "A senha dela é fraca.", at=desk.now(), to=to, thread="lost")
    desk.gateway.submit(raw, [SUPPORT], BRUNO.address)
    desk.told(BRUNO.address, key, 2)  # he is told
    ticket = desk.settled(key)
    assert [n["text"] for n in comments(ticket, "note")] == ["A senha dela é fraca."]
    assert desk.count_told(ana.address, key) == 1


def test_a_note_stays_inside(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Cobrança", "Cobraram duas vezes.")
    desk.bruno(desk.told(BRUNO.address, key), "#nota\nCliente antigo, cuidado.", OUTLOOK)
    ticket = desk.ticket(key, lambda row: comments(row, "note"))
    assert [n["text"] for n in comments(ticket, "note")] == ["Cliente antigo, cuidado."]
    desk.settled()
    assert desk.count_told(ana.address, key) == 1


def test_an_agents_absence_is_never_an_answer(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "Plantão", "Quem atende?")
    notice = desk.told(BRUNO.address, key)
    raw = clients.reply(
        OUTLOOK_WEB, BRUNO, notice, "Estou de férias até o dia 20.", at=desk.now(), subject="Resposta automática: aviso"
    )
    raw = b"Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n" + raw
    desk.gateway.submit(raw, [clients.address_of(notice)], BRUNO.address)
    ticket = desk.ticket(key, lambda row: events(row, "automatic"))
    assert len(comments(ticket)) == 1
    desk.settled()
    assert desk.count_told(ana.address, key) == 1
    assert desk.count_told(BRUNO.address, key) == 1
    assert ticket["agent"] is None


def test_a_customers_answer_to_resolved_reopens_whatever_the_client(desk: Desk) -> None:
    ana = desk.customer()
    key = desk.opens(ana, "XML rejeitado", "O XML foi rejeitado.", OUTLOOK_WEB)
    desk.bruno(desk.told(BRUNO.address, key), "#resolvido\nReenvie o XML.", OUTLOOK)
    solved = desk.told(ana.address, key, 2)
    desk.answers(ana, solved, "Continua rejeitado.", OUTLOOK_WEB)
    ticket = desk.ticket(key, lambda row: row["status"] == "reaberto")
    assert comments(ticket)[-1]["text"] == "Continua rejeitado."
    wait_until(lambda: desk.count_told(BRUNO.address, key) == 2, what="the notice to the agent")
