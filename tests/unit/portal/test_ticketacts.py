"""What a customer does on a ticket's page besides answering, by session and by link, and what he may not."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, delete

from mailgate.flows.linkrows import new_link
from store import links, people, tickets
from store.tables import PARTICIPANT
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, form_fields, words

DAVI = ("Davi Lima", "davi@cliente.test")
ZE = ("Zé", "ze@outra.test")
SHOP = "loja2@cliente.test"


@pytest.fixture
def shop(portal: Portal) -> Portal:
    """SUP-1 of Ana, whose organisation has colleagues and a second shop; SUP-2 of a stranger."""
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Não emite."))
    portal.house.receive(plain_mail(ZE, SUPPORT, "Outra coisa", "Socorro."))
    organise(portal)
    return portal


def organise(portal: Portal) -> None:
    """The organisation of cliente.test with Ana, Carmen and Davi, and a branch with a mailbox."""
    site, now = portal.house.site, portal.clock()
    row = {"id": site.ids.new(), "name": "Vetor Farma", "network": "", "domains": ["cliente.test"], "created_at": now}
    branch = {
        "id": site.ids.new(), "organisation_id": row["id"], "name": "Loja 2", "cnpj": "", "address": SHOP,
        "active": True, "created_at": now,
    }  # fmt: skip

    def work(connection: Any) -> None:
        people.add_organisation(connection, row)
        people.add_branch(connection, branch)
        for name, address in (CARMEN, DAVI):
            people.contact_for(connection, site.ids.new(), address, name, None, now)
        people.join_organisation(connection, row["id"], ["cliente.test"])
        ana = people.contact_by_address(connection, ANA[1])
        assert ana is not None
        for ticket in tickets.listing(connection):
            if ticket.requester_id == ana.id:
                tickets.change(connection, ticket.id, organisation_id=row["id"])

    site.writer.call(work)


def push(browser: httpx.Client, act: str, key: str = "SUP-1", **fields: str) -> httpx.Response:
    """Send a form of the ticket's page with its token."""
    token = form_fields(browser.get(f"/tickets/{key}").text)["token"]
    return browser.post(f"/tickets/{key}/{act}", data={"token": token, **fields})


def followers(portal: Portal, key: str = "SUP-1") -> dict[str, tuple[bool, bool]]:
    """address -> (writes too, is told)."""
    with portal.house.site.writer.database.read() as connection:
        rows = tickets.participants(connection, [portal.house.ticket(key).id])
    return {row.address: (row.contributes, row.told) for row in rows}


def test_the_page_of_a_member_shows_who_and_the_way_back(shop: Portal) -> None:
    browser = shop.signed_in()
    page = browser.get("/tickets/SUP-1").text
    assert '<a href="/requests">Vetor Farma</a>' in page
    assert "<title>SUP-1 · Erro na nota</title>" in page
    said = words(page)
    for word in ("Aberto", "Suporte", "Aberto por", "Ana Souza", "Envolvidos", "em breve alguém da nossa equipe"):
        assert word in said
    assert "Vetor Farma" not in words(shop.opened("SUP-1").get("/tickets/SUP-1").text)


def test_finalizar_by_link_and_once(shop: Portal) -> None:
    browser = shop.opened("SUP-1")
    assert "Sim, finalizar" in browser.get("/tickets/SUP-1").text
    done = push(browser, "finish", text="Deu certo, obrigada.")
    assert (done.status_code, done.headers["location"]) == (303, "/tickets/SUP-1?done=finished#done")
    assert shop.house.ticket("SUP-1").status == "fechado"
    page = words(browser.get("/tickets/SUP-1?done=finished").text)
    assert "Ticket finalizado" in page
    assert "Deu certo, obrigada." in page
    assert "pelo link do e-mail" in page, "agents and customers see that a link was enough"
    assert "Sim, finalizar" not in page
    again = push(browser, "finish")
    assert again.status_code == 409
    assert "não pode ser finalizado" in words(again.text)


def test_where_the_workflow_has_no_finalizar_the_page_has_none(make_portal: Any) -> None:
    portal = make_portal(preset="totvs")
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Não emite."))
    browser = portal.opened("SUP-1")
    offered = "Sim, finalizar" in browser.get("/tickets/SUP-1").text
    way = portal.house.site.book().workflow.transition(portal.house.ticket("SUP-1").status, "customer.finalize")
    assert offered == (way is not None)


def test_the_bell_is_ones_own(shop: Portal) -> None:
    browser = shop.opened("SUP-1")
    assert 'aria-pressed="true"' in browser.get("/tickets/SUP-1").text
    assert push(browser, "bell", on="no").headers["location"].endswith("done=bell_off#done")
    assert 'aria-pressed="false"' in browser.get("/tickets/SUP-1").text
    assert followers(shop)[ANA[1]] == (True, False)
    push(browser, "bell", on="yes")
    assert followers(shop)[ANA[1]][1]


def test_a_colleague_is_added_by_choice_or_address_and_told(shop: Portal) -> None:
    browser = shop.signed_in()
    page = browser.get("/tickets/SUP-1").text
    assert f'<option value="{CARMEN[1]}">Carmen Ruiz' in page
    assert push(browser, "people", colleague=CARMEN[1], kind="follower").status_code == 303
    assert push(browser, "people", address=" Novo@cliente.test ", kind="contributor").status_code == 303
    assert {a: f[0] for a, f in followers(shop).items()} == {CARMEN[1]: False, "Novo@cliente.test": True}
    assert {row.recipient for row in shop.house.outbox("N15")} == {CARMEN[1], "Novo@cliente.test"}
    page = words(browser.get("/tickets/SUP-1").text)
    assert "Carmen Ruiz passou a acompanhar" in page
    assert "só acompanha" in page
    follower = shop.signed_in(CARMEN[1])
    read = follower.get("/tickets/SUP-1").text
    assert 'id="reply"' not in read
    assert "não escreve nele" in words(read)
    denied = follower.post("/tickets/SUP-1/comments", data={**form_fields(read), "text": "Eu também"})
    assert denied.status_code == 409, "what the page does not offer is refused too"
    assert push(follower, "people", address=DAVI[1]).status_code == 409
    assert push(follower, "finish").status_code == 409


@pytest.mark.parametrize("address", [ZE[1], BRUNO[1], SUPPORT, "x@example.org", "", "a@b@c", "<script>@cliente.test"])
def test_nobody_from_elsewhere_is_added(shop: Portal, address: str) -> None:
    answer = push(shop.signed_in(), "people", address=address)
    assert answer.status_code == 409
    assert followers(shop) == {}
    assert shop.house.outbox("N15") == []
    assert "<script>@" not in answer.text


def test_leaving_ends_it_and_the_requester_cannot(shop: Portal) -> None:
    push(shop.signed_in(), "people", colleague=CARMEN[1])
    browser = shop.signed_in(CARMEN[1])
    assert "Sair do ticket" in browser.get("/tickets/SUP-1").text
    gone = push(browser, "leave")
    assert (gone.status_code, gone.headers["location"]) == (303, "/requests"), "he sees it no more"
    assert browser.get("/tickets/SUP-1").status_code == 404
    assert followers(shop) == {}
    assert push(shop.signed_in(), "leave").status_code == 409


def test_compartilhar_with_a_branch_by_its_e_mail(shop: Portal) -> None:
    browser = shop.signed_in()
    unknown = push(browser, "share", branch="loja9@cliente.test")
    assert unknown.status_code == 409
    assert "Nenhuma filial" in words(unknown.text)
    assert push(browser, "share", branch=f" {SHOP}").status_code == 303
    assert [row.recipient for row in shop.house.outbox("N15")] == [SHOP]
    assert "Compartilhado com a filial Loja 2" in words(browser.get("/tickets/SUP-1").text)
    again = push(browser, "share", branch=SHOP)
    assert "já acompanha" in words(again.text)


def test_sharing_waits_for_the_permission_where_the_company_says_so(make_portal: Any) -> None:
    portal = make_portal(preset="zetti")
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro", "Não emite."))
    organise(portal)
    browser = portal.signed_in()
    assert "E-mail da filial" not in browser.get("/tickets/SUP-1").text
    assert push(browser, "share", branch=SHOP).status_code == 409
    assert portal.house.outbox("N15") == []
    site = portal.house.site
    with site.writer.database.read() as connection:
        ana = people.contact_by_address(connection, ANA[1])
    assert ana is not None
    site.writer.call(lambda c: people.change_contact(c, ana.id, may=["open", "share"]))
    assert push(browser, "share", branch=SHOP).status_code == 303


def test_a_manager_hides_his_own_ticket_and_only_that(shop: Portal) -> None:
    browser = shop.signed_in()
    assert push(browser, "visibility", visibility="private").status_code == 409
    site = shop.house.site
    with site.writer.database.read() as connection:
        ana = people.contact_by_address(connection, ANA[1])
    assert ana is not None
    site.writer.call(lambda c: people.change_contact(c, ana.id, role="manager"))
    assert "Público: outros gestores" in words(browser.get("/tickets/SUP-1").text)
    assert push(browser, "visibility", visibility="private").status_code == 303
    assert shop.house.ticket("SUP-1").visibility == "private"
    assert push(browser, "visibility", visibility="network").status_code == 409
    assert push(browser, "visibility", visibility="public").status_code == 303
    assert shop.house.ticket("SUP-1").visibility == "public"


def test_links_that_were_forwarded_are_revoked_by_their_person(shop: Portal) -> None:
    link = shop.opened("SUP-1")
    assert link.get("/tickets/SUP-1").status_code == 200
    assert push(shop.signed_in(), "unlink").headers["location"].endswith("done=unlinked#done")
    assert link.get("/tickets/SUP-1").status_code == 404
    assert shop.signed_in().get("/tickets/SUP-1").status_code == 200


# --- attacks ---------------------------------------------------------------------------------------------------------

SESSION_ONLY = ("people", "leave", "share", "visibility", "unlink")
ALL = ("finish", "bell", *SESSION_ONLY, "comments", "answer", "orders")


def test_a_link_reads_answers_finishes_and_rings_nothing_else(shop: Portal) -> None:
    browser = shop.opened("SUP-1")
    page = browser.get("/tickets/SUP-1").text
    for act in SESSION_ONLY:
        assert f"/{act}" not in page
        assert push(browser, act, address=DAVI[1], branch=SHOP, visibility="private").status_code == 403, act
    assert followers(shop) == {}
    assert push(browser, "answer", text="Sou o suporte", do="send").status_code == 403
    assert push(browser, "orders", do="take").status_code == 403
    assert shop.house.ticket("SUP-1").agent_id is None


def test_without_the_forms_token_or_from_elsewhere_nothing_is_done(shop: Portal) -> None:
    ana, bruno = shop.signed_in(), shop.signed_in(BRUNO[1])
    before = shop.state()
    for browser in (ana, bruno):
        token = form_fields(browser.get("/tickets/SUP-1").text)["token"]
        for act in ALL:
            path = f"/tickets/SUP-1/{act}"
            data = {"on": "no", "text": "x", "do": "take", "address": DAVI[1]}
            assert browser.post(path, data=data).status_code == 403, act
            assert browser.post(path, data={**data, "token": "0" * 32}).status_code == 403, act
            evil = {"Origin": "https://evil.test"}
            assert browser.post(path, data={**data, "token": token}, headers=evil).status_code == 403, act
            cross = {"Sec-Fetch-Site": "cross-site"}
            assert browser.post(path, data={**data, "token": token}, headers=cross).status_code == 403, act
            assert browser.get(path).status_code in (404, 405), act
    assert shop.state() == before


def test_a_token_of_one_person_is_of_no_use_to_another(shop: Portal) -> None:
    stolen = form_fields(shop.signed_in().get("/tickets/SUP-1").text)["token"]
    other = shop.signed_in(ZE[1])
    assert other.post("/tickets/SUP-1/finish", data={"token": stolen}).status_code == 404
    assert other.post("/tickets/SUP-2/finish", data={"token": stolen}).status_code == 403


def test_what_belongs_to_others_is_not_there(shop: Portal) -> None:
    """IDOR: every address of the page, with the ids of somebody else's ticket in it."""
    shop.house.receive(
        plain_mail(ZE, SUPPORT, "Com anexo", "Veja.", html="<p>Veja.</p>", files=(("s.txt", "text/plain", b"segredo"),))
    )
    with shop.house.site.writer.database.read() as connection:
        ticket = shop.house.ticket("SUP-3")
        comment = tickets.comments(connection, ticket.id)[0]
        file = tickets.attachments(connection, [comment.id])[0]
    own = shop.signed_in(ZE[1])
    paths = [
        f"/comments/{comment.id}", f"/comments/{comment.id}/original", f"/comments/{comment.id}/raw",
        f"/files/{file.id}/s.txt",
    ]  # fmt: skip
    assert [own.get(f"/tickets/SUP-3{path}").status_code for path in paths] == [200] * 4
    for browser in (shop.signed_in(), shop.opened("SUP-1"), shop.visit()):
        wrong = browser.get("/tickets/SUP-999").text
        for path in ("", *paths, "/why"):
            for key in ("SUP-3", "SUP-1"):  # the ticket of somebody else, and an id of it under one's own
                if key == "SUP-1" and not path:
                    continue
                answer = browser.get(f"/tickets/{key}{path}")
                assert answer.status_code == 404, (key, path)
                assert answer.text == wrong, "as if there were nothing"
        for act in ALL:
            assert browser.post(f"/tickets/SUP-3/{act}", data={"token": "x"}).status_code == 404, act


def test_the_mail_itself_is_for_its_author_and_for_agents_who_signed_in(shop: Portal) -> None:
    push(shop.signed_in(), "people", colleague=CARMEN[1])
    with shop.house.site.writer.database.read() as connection:
        comment = tickets.comments(connection, shop.house.ticket("SUP-1").id)[0]
    path = f"/tickets/SUP-1/comments/{comment.id}/raw"
    mail = shop.signed_in().get(path)
    assert mail.status_code == 200
    assert mail.content == plain_mail(ANA, SUPPORT, "Erro na nota", "Não emite.")
    assert mail.headers["content-type"] == "message/rfc822"
    assert mail.headers["content-disposition"].startswith('attachment; filename="SUP-1-')
    assert "sandbox" in mail.headers["content-security-policy"]
    assert shop.signed_in(BRUNO[1]).get(path).status_code == 200
    for browser in (shop.opened("SUP-1"), shop.opened("SUP-1", BRUNO[1]), shop.signed_in(CARMEN[1])):
        assert browser.get(path).status_code == 404
        assert "/raw" not in browser.get("/tickets/SUP-1").text


def test_what_an_agent_passed_on_keeps_his_own_words_to_himself(shop: Portal) -> None:
    """The mail of the ticket is the agent's: his introduction above the customer's words is a note."""
    mail = plain_mail(
        BRUNO, SUPPORT, "Fwd: Impressora",
        "Cliente chato, cuidado.\n\n---------- Forwarded message ---------\nFrom: Ana Souza <ana@cliente.test>\n"
        "Date: Wed, 5 Nov 2025 at 10:20\nSubject: Impressora\nTo: Bruno <bruno@example.test>\n\nNão imprime.\n",
    )  # fmt: skip
    shop.house.receive(mail)
    ticket = shop.house.ticket("SUP-3")
    assert ticket.requester_address == ANA[1]
    with shop.house.site.writer.database.read() as connection:
        said = tickets.comments(connection, ticket.id)
    browser = shop.signed_in()
    assert "chato" not in browser.get(f"/tickets/{ticket.key}").text
    for one in said:
        assert browser.get(f"/tickets/{ticket.key}/comments/{one.id}/raw").status_code == 404


def test_scanners_that_follow_every_link_change_nothing(shop: Portal) -> None:
    """GET and HEAD of every address of the page, of the queue, and of the decisions."""
    push(shop.signed_in(), "people", colleague=CARMEN[1])
    browsers = [shop.signed_in(), shop.opened("SUP-1"), shop.signed_in(BRUNO[1]), shop.opened("SUP-1", BRUNO[1])]
    before = shop.state()
    for browser in browsers:
        seen = {"/tickets/SUP-1", "/queue", "/queue?tab=held", "/tickets/SUP-1/why"}
        for path in list(seen):
            page = browser.get(path).text
            seen |= {
                one.replace("&amp;", "&").split("#")[0] for one in re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
            }
        for path in seen:
            assert browser.get(path).status_code < 500, path
            assert browser.head(path).status_code < 500, path
    assert shop.state() == before


def test_the_link_of_who_was_taken_off_opens_nothing(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Erro na nota", "Socorro."))
    ticket, site = portal.house.ticket("SUP-1"), portal.house.site

    def follow(connection: Connection) -> int:
        carlos = people.contact_for(connection, site.ids.new(), "carlos@fora.test", "Carlos", None, site.clock())
        people.add_participant(connection, ticket.id, carlos.id, site.clock())
        links.add(connection, [new_link(site, ticket.id, site.clock(), contact_id=carlos.id)])
        return int(carlos.id)

    carlos_id = site.writer.call(follow)
    carlos = portal.opened("SUP-1", "carlos@fora.test")
    assert carlos.get("/tickets/SUP-1").status_code == 200
    gone = delete(PARTICIPANT).where(PARTICIPANT.c.contact_id == carlos_id)
    site.writer.call(lambda connection: connection.execute(gone).rowcount)
    assert carlos.get("/tickets/SUP-1").status_code == 404
    assert portal.visit().get(f"/t/{portal.house.token('SUP-1', 'carlos@fora.test')}").status_code == 404
