"""What an agent does on a ticket's page: by session all that his mails can, by his link only notes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import httpx
import pytest

from store import tickets
from store.vocabulary import CommentKind
from tests.house import ANA, BRUNO, SUPPORT, plain_mail, png
from tests.unit.portal.conftest import Portal, form_fields, words

BIA = ("Bia", "bia@example.test")
AGENTS = [
    {"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]},
    {"name": BIA[0], "address": BIA[1], "departments": ["suporte"], "role": "manager"},
]


@pytest.fixture
def desk(make_portal: Any) -> Portal:
    """SUP-1 of Ana; Bruno and Bia are agents."""
    portal: Portal = make_portal(agents=AGENTS)
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Não emite."))
    portal.clock.advance(timedelta(minutes=5))
    return portal


def fields(browser: httpx.Client, key: str = "SUP-1") -> dict[str, str]:
    """What the forms of the page bring along: the token, the number and the version that was seen."""
    return {
        k: v for k, v in form_fields(browser.get(f"/tickets/{key}").text).items() if k in ("token", "number", "seen")
    }


def answer(browser: httpx.Client, **form: str) -> httpx.Response:
    return browser.post("/tickets/SUP-1/answer", data={**fields(browser), "do": "send", **form})


def order(browser: httpx.Client, **form: str) -> httpx.Response:
    return browser.post("/tickets/SUP-1/orders", data={"token": fields(browser)["token"], **form})


def said(portal: Portal, key: str = "SUP-1") -> list[tuple[str, str]]:
    with portal.house.site.writer.database.read() as connection:
        return [(row.kind, row.reply) for row in tickets.comments(connection, portal.house.ticket(key).id)]


def test_an_answer_with_a_status_is_told_and_takes_the_ticket(desk: Portal) -> None:
    browser = desk.signed_in(BRUNO[1])
    done = browser.post(
        "/tickets/SUP-1/answer",
        data={**fields(browser), "do": "send", "text": "Pronto, Ana.", "status": "resolvido"},
        files=[("files", ("tela.png", png(), "image/png"))],
    )
    assert done.headers["location"] == "/tickets/SUP-1#last"
    ticket = desk.house.ticket("SUP-1")
    assert (ticket.status, ticket.agent_address) == ("resolvido", BRUNO[1])
    assert said(desk)[-1] == (CommentKind.COMMENT, "Pronto, Ana.")
    (told,) = desk.house.outbox("N10")
    assert told.recipient == ANA[1]
    page = browser.get("/tickets/SUP-1").text
    assert "tela.png" in page
    assert "Histórico de status" in words(page)


def test_what_could_not_be_kept_can_be_sent_again(desk: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that was full: the same form, sent once more, is not taken for a double click."""
    browser = desk.signed_in(BRUNO[1])
    form = {**fields(browser), "do": "send", "text": "Pronto, Ana."}

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("mailgate.portal.uploads.keep", full)
        assert browser.post("/tickets/SUP-1/answer", data=form).status_code == 503
    assert browser.post("/tickets/SUP-1/answer", data=form).status_code == 303
    assert said(desk)[-1] == (CommentKind.COMMENT, "Pronto, Ana.")


def test_a_note_and_its_file_stay_inside(desk: Portal) -> None:
    """The page source of every customer's page is searched, and the file is not there for him."""
    browser = desk.signed_in(BRUNO[1])
    before = len(desk.house.outbox())
    browser.post(
        "/tickets/SUP-1/answer",
        data={**fields(browser), "do": "note", "text": "SEGREDO interno"},
        files=[("files", ("dossie.txt", b"SEGREDO", "text/plain"))],
    )
    assert said(desk)[-1] == (CommentKind.NOTE, "SEGREDO interno")
    assert len(desk.house.outbox()) == before
    own = browser.get("/tickets/SUP-1").text
    assert "SEGREDO interno" in own
    assert "Nota interna" in words(own)
    with desk.house.site.writer.database.read() as connection:
        ticket = desk.house.ticket("SUP-1")
        note = tickets.comments(connection, ticket.id)[-1]
        file = tickets.attachments(connection, [note.id])[0]
    assert browser.get(f"/tickets/SUP-1/files/{file.id}").status_code == 200
    for customer in (desk.signed_in(), desk.opened("SUP-1")):
        for query in ("", "?all", f"?text={note.id}"):
            page = customer.get(f"/tickets/SUP-1{query}").text
            assert "SEGREDO" not in page
            assert "dossie" not in page
        for path in (
            f"files/{file.id}",
            f"comments/{note.id}",
            f"comments/{note.id}/original",
            f"comments/{note.id}/raw",
        ):
            assert customer.get(f"/tickets/SUP-1/{path}").status_code == 404, path
        assert customer.get("/tickets/SUP-1/why").status_code == 404


def test_commands_in_the_text_are_those_of_a_mail(desk: Portal) -> None:
    """`#nota`, typed out of habit, must not be published; and orders in the text are obeyed."""
    browser = desk.signed_in(BRUNO[1])
    answer(browser, text="#nota\n\nSó para nós")
    assert said(desk)[-1] == (CommentKind.NOTE, "Só para nós")
    answer(browser, text="#resolvido\n#prioridade alta\n\nFeito.")
    ticket = desk.house.ticket("SUP-1")
    assert (ticket.status, ticket.priority) == ("resolvido", "high")
    wrong = answer(browser, text="#inventado\n\nFeito?")
    assert wrong.status_code == 409
    assert "O comando #inventado não existe" in words(wrong.text)
    assert "Feito?" in wrong.text, "what was written is not lost"
    assert len(said(desk)) == 3


def test_a_form_that_says_nothing_of_sending_is_a_note(desk: Portal) -> None:
    browser = desk.signed_in(BRUNO[1])
    browser.post("/tickets/SUP-1/answer", data={**fields(browser), "text": "Enter num campo"})
    assert said(desk)[-1][0] == CommentKind.NOTE


def test_what_came_meanwhile_is_shown_first(desk: Portal) -> None:
    browser = desk.signed_in(BRUNO[1])
    old = fields(browser)
    desk.house.receive(plain_mail(ANA, desk.house.ticket("SUP-1").address, "Re: [SUP-1] Erro", "Já funciona!"))
    stopped = browser.post("/tickets/SUP-1/answer", data={**old, "do": "send", "text": "Reinstale tudo."})
    assert stopped.status_code == 409
    page = words(stopped.text)
    assert "mudou depois que você abriu" in page
    assert "ana@cliente.test" in page
    assert "Já funciona!" in page
    assert "Enviar mesmo assim" in page
    assert "Reinstale tudo." in stopped.text
    assert len(said(desk)) == 2
    sent = browser.post("/tickets/SUP-1/answer", data={**form_fields(stopped.text), "do": "send", "text": "Ótimo!"})
    assert sent.status_code == 303
    late = browser.post("/tickets/SUP-1/answer", data={**old, "do": "note", "text": "nota", "number": "77"})
    assert late.status_code == 303, "a note disturbs nobody"


def test_his_own_word_and_notes_are_no_news(desk: Portal) -> None:
    browser = desk.signed_in(BRUNO[1])
    old = fields(browser)
    answer(browser, text="Primeira.")
    second = browser.post("/tickets/SUP-1/answer", data={**old, "do": "send", "text": "Segunda.", "number": "78"})
    assert second.status_code == 303


def test_fields_that_were_not_touched_stay_as_they_are(desk: Portal) -> None:
    bruno, bia = desk.signed_in(BRUNO[1]), desk.signed_in(BIA[1])
    was = {"was_assign": "", "was_priority": "normal", "was_department": "suporte", "was_topic": "", "do": "save"}
    order(bia, **was, assign="", priority="urgent", department="suporte", due="")
    done = order(bruno, **was, assign=BIA[1], priority="normal", department="suporte", due="2bd")
    assert done.headers["location"].endswith("?done=done#done")
    ticket = desk.house.ticket("SUP-1")
    assert (ticket.priority, ticket.agent_address) == ("urgent", BIA[1])
    assert ticket.due_at is not None
    page = words(bruno.get("/tickets/SUP-1").text)
    assert "Prioridade: de Normal para Urgente" in page
    nothing = order(bruno, **was, assign="", priority="normal", department="suporte", due="")
    assert (nothing.status_code, "Nada foi mudado" in words(nothing.text)) == (422, True)
    wrong = order(bruno, **was, due="ontem talvez", priority="low", assign="", department="suporte")
    assert wrong.status_code == 409
    assert "Não entendemos a data" in words(wrong.text)
    assert desk.house.ticket("SUP-1").priority == "urgent", "all or nothing"


def test_buttons_take_close_reopen_and_join(desk: Portal) -> None:
    browser = desk.signed_in(BIA[1])
    order(browser, do="take")
    assert desk.house.ticket("SUP-1").agent_address == BIA[1]
    order(browser, do="close")
    assert desk.house.ticket("SUP-1").status == "fechado"
    order(browser, do="reopen")
    assert desk.house.ticket("SUP-1").status == "reaberto"
    order(browser, do="participant", participant="novo@cliente.test", kind="follower")
    with desk.house.site.writer.database.read() as connection:
        (new,) = tickets.participants(connection, [desk.house.ticket("SUP-1").id])
    assert (new.address, new.contributes) == ("novo@cliente.test", False)
    desk.house.receive(plain_mail(("Zé", "ze@outra.test"), SUPPORT, "Outra", "Oi."))
    strangers = order(browser, do="join", join="SUP-2")
    assert "clientes diferentes" in words(strangers.text)
    desk.house.receive(plain_mail(ANA, SUPPORT, "De novo", "A nota."))
    assert order(browser, do="join", join="SUP-3").status_code == 303
    assert desk.house.ticket("SUP-1").joined_into == desk.house.ticket("SUP-3").id


def test_a_prepared_answer_is_read_before_it_is_sent(desk: Portal) -> None:
    browser = desk.signed_in(BRUNO[1])
    known = cast(dict[str, dict[str, str]], desk.house.site.book().names.canned)
    known["boleto"] = {"pt-BR": "Olá, {customer}! O boleto de {key} segue.\n\n{agent}"}
    name = "boleto"
    form, before = {**fields(browser), "do": "canned", "canned": name, "text": "Olá."}, desk.state()
    page = browser.post("/tickets/SUP-1/answer", data=form)
    assert page.status_code == 200
    text = page.text.partition("<textarea")[2].partition("</textarea>")[0]
    assert "Olá." in text
    assert "Olá, Ana Souza! O boleto de SUP-1 segue.\n\nBruno" in text
    assert desk.state() == before


# --- a link alone -----------------------------------------------------------------------------------------------------


def test_an_agents_link_reads_and_notes_and_sends_nothing(desk: Portal) -> None:
    """It can be forwarded: whoever holds it must not speak to customers in the agent's name (T2)."""
    browser = desk.opened("SUP-1", BRUNO[1])
    page = browser.get("/tickets/SUP-1").text
    assert 'value="send"' not in page
    assert "/login?next=/tickets/SUP-1" in page
    before = len(desk.house.outbox())
    for form in (
        {"text": "Publique!", "do": "send"},
        {"text": "#resolvido\n\nPublique!", "do": "note"},
        {"text": "#assumir\n\nmeu", "do": "note"},
        {"text": "x", "do": "note", "status": "fechado"},
    ):
        refused = answer(browser, **form)
        assert refused.status_code == 403, form
        assert "entre" in words(refused.text)
    for form in ({"do": "take"}, {"do": "close"}, {"do": "save", "priority": "urgent", "was_priority": "normal"}):
        assert order(browser, **form).status_code == 403, form
    assert len(desk.house.outbox()) == before
    assert [kind for kind, _ in said(desk)] == [CommentKind.COMMENT]
    assert desk.house.ticket("SUP-1").status == "aberto"
    assert answer(browser, text="Vi isto no celular.", do="note").status_code == 303
    assert said(desk)[-1] == (CommentKind.NOTE, "Vi isto no celular.")


def test_who_left_acts_no_more(desk: Portal) -> None:
    """I5: rights are read when it is done, not when the page was made."""
    from store import people

    browser, link = desk.signed_in(BRUNO[1]), desk.opened("SUP-1", BRUNO[1])
    form = fields(browser)
    site = desk.house.site
    rows = [{"name": BIA[0], "address": BIA[1], "role": "manager", "departments": ["suporte"], "language": None}]
    site.writer.call(lambda c: people.put_agents(c, rows))
    assert browser.post("/tickets/SUP-1/answer", data={**form, "do": "send", "text": "x"}).status_code == 404
    assert link.get("/tickets/SUP-1").status_code == 404
    assert browser.get("/queue").status_code in (303, 404)


def test_why_says_what_was_decided(desk: Portal) -> None:
    browser = desk.signed_in(BRUNO[1])
    answer(browser, text="Pronto.", status="resolvido")
    page = words(browser.get("/tickets/SUP-1/why").text)
    assert "SUP-1" in page
    assert "Bruno" in page
    assert "resolvido" in page
    spanish = words(desk.signed_in(BRUNO[1], "es").get("/tickets/SUP-1/why").text)
    assert "Qué se decidió" in spanish


def test_the_mail_in_its_frame_keeps_its_own_policy(desk: Portal) -> None:
    html = '<p onclick="x()">Oi <script>alert(1)</script><img src="https://evil.test/p.png"></p>'
    desk.house.receive(plain_mail(ANA, SUPPORT, "HTML", "Oi", html=html))
    with desk.house.site.writer.database.read() as connection:
        comment = tickets.comments(connection, desk.house.ticket("SUP-2").id)[0]
    for browser in (desk.signed_in(BRUNO[1]), desk.signed_in(), desk.opened("SUP-2")):
        outer = browser.get(f"/tickets/SUP-2/comments/{comment.id}")
        inner = browser.get(f"/tickets/SUP-2/comments/{comment.id}/original")
        assert "script-src 'self'" in outer.headers["content-security-policy"]
        policy = inner.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-same-origin allow-popups")
        assert "allow-scripts" not in policy
        assert "default-src 'none'" in policy
        for word in ("<script", "onclick", "evil.test"):
            assert word not in inner.text
