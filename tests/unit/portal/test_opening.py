"""A new ticket from a page: what is asked, what is refused and where one says so, guests, and hostile forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailgate.flows.knowledge import import_folder
from mailgate.portal.limits import PortalLimits
from mailgate.yamltypes import Rate
from store import people, tickets
from store.vocabulary import Channel
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail, png
from tests.portal.browsing import MOST_BYTES
from tests.unit.knowledge.test_assistant import Model, drips, model, says
from tests.unit.portal.conftest import Portal, words

__all__ = ["model"]

TEXT = "A tela mostra o erro 42 quando emito a nota."


def contact(portal: Portal, who: tuple[str, str] = ANA, **values: Any) -> int:
    """The id of a contact, made if there is none."""
    site = portal.house.site

    def work(connection: Any) -> int:
        row = people.contact_for(connection, site.ids.new(), who[1], who[0], "pt-BR", site.clock())
        if values:
            people.change_contact(connection, row.id, **values)
        return int(row.id)

    return site.writer.call(work)


def organisation(portal: Portal, name: str = "Cliente", domain: str = "cliente.test", branches: int = 0) -> list[int]:
    """The ids of a new organisation and of its branches."""
    site, now = portal.house.site, portal.house.site.clock()
    ids = [site.ids.new() for _ in range(branches + 1)]

    def work(connection: Any) -> None:
        row = {"id": ids[0], "name": name, "domains": [domain], "network": "", "created_at": now}
        people.add_organisation(connection, row)
        for number, branch in enumerate(ids[1:], 1):
            one = {"id": branch, "organisation_id": ids[0], "name": f"{name} {number}", "created_at": now}
            people.add_branch(connection, one)

    site.writer.call(work)
    return ids


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the new ticket's form."""
    form = page[page.index('id="new"') :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def filled(browser: httpx.Client, path: str = "/new?topic=duvida", **more: str) -> dict[str, str]:
    return {**hidden(browser.get(path).text), "subject": "Erro na nota", "text": TEXT, **more}


def count(portal: Portal) -> int:
    with portal.house.site.writer.database.read() as connection:
        return len(list(tickets.all_since(connection, None)))


def guest(portal: Portal, path: str = "/new?topic=duvida", **more: str) -> tuple[httpx.Client, dict[str, str]]:
    """A stranger's browser and his form, after the time that a person needs."""
    browser = portal.visit()
    form = filled(browser, path, **{"name": "Fulano", "address": "fulano@longe.test", **more})
    portal.clock.advance(timedelta(seconds=20))
    return browser, form


# --- members ---------------------------------------------------------------------------------------------------------


def test_a_member_chooses_writes_and_sees_what_he_opened(portal: Portal) -> None:
    contact(portal)
    browser = portal.signed_in()
    before = portal.state()
    steps = browser.get("/new").text
    assert "Inconformidade" in words(steps)
    assert "Para perguntas sobre o preenchimento de um campo" in words(steps)
    assert 'href="/new?department=suporte&amp;topic=duvida"' in steps
    page = browser.get("/new?department=suporte&topic=duvida").text
    assert "Para perguntas sobre o preenchimento de um campo" in words(page)
    assert portal.state() == before
    data = {**hidden(page), "subject": "Erro na nota", "text": TEXT, "phone": "(11) 91234-5678"}
    answer = browser.post("/new", data=data, files=[("files", ("tela.png", png(), "image/png"))])
    assert (answer.status_code, answer.headers["location"]) == (303, "/tickets/SUP-1?created")
    shown = browser.get("/tickets/SUP-1?created").text
    assert 'role="status"' in shown
    assert "SUP-1 foi criado." in words(shown)
    assert 'href="/new"' in shown
    ticket = portal.house.ticket("SUP-1")
    assert (ticket.channel, ticket.topic, ticket.verified) == (Channel.PORTAL, "duvida", True)
    assert "WhatsApp ou telefone: (11) 91234-5678" in words(shown)
    assert 'value="(11) 91234-5678"' in browser.get("/new?topic=duvida").text, "known the next time"
    assert [row.recipient for row in portal.house.outbox("N1")] == [ANA[1]]
    assert [row.recipient for row in portal.house.outbox("N19")] == [BRUNO[1]]


def test_a_required_attachment_is_refused_beside_its_field(portal: Portal) -> None:
    contact(portal)
    browser = portal.signed_in()
    form = filled(browser, "/new?topic=inconformidade")
    refused = browser.post("/new", data=form)
    assert refused.status_code == 422
    assert 'id="f-files-error">Anexe a mensagem ou a tela do erro' in refused.text
    assert TEXT in refused.text, "what was typed stays"
    video = [("files", ("filme.mp4", b"\0\0\0\x18ftypmp42", "video/mp4"))]
    zipped = browser.post("/new", data=filled(browser, "/new?topic=inconformidade"), files=video)
    assert zipped.status_code == 422
    assert "Este arquivo precisa vir compactado em .zip: filme.mp4" in words(zipped.text)
    assert "Escolha os arquivos de novo" in words(zipped.text)
    assert count(portal) == 0
    form = filled(browser, "/new?topic=inconformidade")
    assert browser.post("/new", data=form, files=[("files", ("t.png", png(), "image/png"))]).status_code == 303
    assert dict(portal.house.ticket("SUP-1").fields) == {"attachment": "t.png"}


def test_what_is_missing_is_said_where_it_is_missing(portal: Portal) -> None:
    contact(portal)
    browser = portal.signed_in()
    refused = browser.post("/new", data=filled(browser, subject="", text="  ", phone="x"))
    assert refused.status_code == 422
    for name in ("subject", "text", "phone"):
        assert f'id="e-{name}"' in refused.text
    assert refused.text.count('aria-invalid="true"') == 3
    assert 'role="alert"' in refused.text


def test_fields_that_depend_come_in_a_second_step_without_scripts(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(preset="totvs")
    contact(portal)
    browser = portal.signed_in()
    page = browser.get("/new").text
    assert "Versão do sistema" in words(page), "one department and one topic are not asked"
    assert re.search(r'data-field="teste" data-if="field_cloud"[^>]* hidden', page)
    form = filled(browser, "/new", field_versao="12.1", field_base="SQL", field_cloud="yes")
    second = browser.post("/new", data=form)
    assert second.status_code == 200
    assert "Mais algumas perguntas" in words(second.text)
    assert re.search(r'data-field="teste" data-if="field_cloud" data-is="[^"]*">', second.text), "it is shown now"
    assert count(portal) == 0
    form = {**form, **hidden(second.text), "field_teste": "ambiente-teste-3"}
    assert browser.post("/new", data=form).status_code == 303
    answers = dict(portal.house.ticket("SUP-1").fields)
    assert answers == {"versao": "12.1", "base": "SQL", "cloud": "yes", "teste": "ambiente-teste-3", "processo": TEXT}
    wrong = browser.post("/new", data=filled(browser, "/new", field_versao="12.1", field_base="MYSQL"))
    assert wrong.status_code == 422
    assert "Escolha uma das opções." in words(wrong.text)


def test_several_in_sequence_and_a_double_click_once(portal: Portal) -> None:
    contact(portal)
    browser = portal.signed_in()
    form = filled(browser)
    answers = [browser.post("/new", data=form) for _ in range(2)]
    assert [a.headers["location"] for a in answers] == ["/tickets/SUP-1?created"] * 2
    assert browser.post("/new", data=filled(browser)).headers["location"] == "/tickets/SUP-2?created"
    assert count(portal) == 2


def test_departments_then_their_request_types(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(preset="zetti")
    contact(portal)
    browser = portal.signed_in()
    first = words(browser.get("/new").text)
    assert "PDV-Orçamento" in first
    assert "Segunda via de boleto" not in first.replace("Segunda via de boleto e perguntas", "")
    second = words(browser.get("/new?department=administrativo").text)
    assert "Perguntas sobre cobrança" in second
    assert "Reportar falha" not in second
    form = filled(browser, "/new?department=administrativo&topic=segunda_via_boleto", field_vencimento="2026-12-20")
    assert browser.post("/new", data=form).status_code == 303
    ticket = portal.house.ticket("SUP-1")
    assert (ticket.department, ticket.topic) == ("administrativo", "segunda_via_boleto")
    assert dict(ticket.fields) == {"vencimento": "2026-12-20"}


def test_sharing_and_participants(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(preset="zetti")
    own = organisation(portal, branches=2)
    other = organisation(portal, "Outra", "outra.test", branches=1)
    contact(portal, branch_id=own[1])
    contact(portal, CARMEN)
    contact(portal, ("Eva", "eva@outra.test"))
    browser = portal.signed_in()
    page = browser.get("/new?department=comercial&topic=informacoes_integracao").text
    assert re.search(r'name="visibility" value="network" checked', page), "the company's default is marked"
    assert "Cliente 2" in page
    assert "Outra 1" not in page
    assert "Cliente 1" not in page, "the own branch goes without saying"
    assert CARMEN[1] in page
    assert "eva@outra.test" not in page
    path = "/new?department=comercial&topic=informacoes_integracao"
    stranger = browser.post("/new", data=filled(browser, path, follower_1="eva@outra.test"))
    nobody = browser.post("/new", data=filled(browser, path, follower_1="nobody@nowhere.test"))
    assert stranger.status_code == nobody.status_code == 422
    assert "Não encontramos esta pessoa na sua organização." in words(stranger.text)
    assert "Não encontramos esta pessoa na sua organização." in words(nobody.text)
    form = filled(browser, path, visibility="branches", follower_1=CARMEN[1], writes_1="no")
    answer = browser.post("/new", data={**form, "branch": [str(own[2]), str(other[1]), "9" * 30, "x"]})
    assert answer.status_code == 303
    with portal.house.site.writer.database.read() as connection:
        ticket = portal.house.ticket("SUP-1")
        assert [b for _, b in tickets.shared_branches(connection, [ticket.id])] == [own[2]]
        followers = [(p.address, p.contributes) for p in tickets.participants(connection, [ticket.id])]
    assert followers == [(CARMEN[1], False)]
    assert ticket.visibility == "branches"


def test_managers_alone_choose_private_or_public(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(preset="provedor")
    organisation(portal)
    contact(portal)
    assert 'name="visibility"' not in portal.signed_in().get("/new?department=suporte&topic=hospedagem").text
    contact(portal, role="manager")
    page = portal.signed_in().get("/new?department=suporte&topic=hospedagem").text
    assert re.search(r'value="private" checked', page)
    assert 'value="public"' in page


def test_who_may_not_open_finds_no_page(portal: Portal) -> None:
    contact(portal, may=["answer"])
    browser = portal.signed_in()
    assert browser.get("/new").status_code == 404
    assert browser.post("/new", data={"subject": "x"}).status_code == 404
    assert portal.signed_in(BRUNO[1]).get("/new").status_code == 404


def test_too_many_at_once(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(limits={"tickets_per_sender": 2})
    contact(portal)
    browser = portal.signed_in()
    codes = [browser.post("/new", data=filled(browser)).status_code for _ in range(3)]
    assert codes == [303, 303, 429]
    portal.clock.advance(timedelta(hours=2))
    assert browser.post("/new", data=filled(browser)).status_code == 303


# --- guests ----------------------------------------------------------------------------------------------------------


def test_a_guest_sees_what_he_filed_in_his_browser_only(portal: Portal) -> None:
    browser, form = guest(portal)
    answer = browser.post("/new", data=form, files=[("files", ("../../t\u202eela.png", png(), "image/png"))])
    assert (answer.status_code, answer.headers["location"]) == (303, "/new/SUP-1")
    shown = browser.get("/new/SUP-1").text
    assert "Recebemos a sua solicitação." in words(shown)
    assert TEXT in shown
    assert "tela.png" in shown
    assert portal.visit().get("/new/SUP-1").status_code == 404
    assert browser.get("/tickets/SUP-1").status_code == 404, "it proves nothing and opens nothing else"
    ack = portal.house.outbox("N1")[-1]
    assert (ack.recipient, ack.verified) == ("fulano@longe.test", False)
    portal.clock.advance(timedelta(minutes=5))
    portal.house.agent_answers("SUP-1", "O segredo é 4711.")
    assert "4711" not in browser.get("/new/SUP-1").text


def test_the_link_verifies_by_a_post_and_never_by_looking(portal: Portal) -> None:
    browser, form = guest(portal)
    browser.post("/new", data=form)
    token = portal.house.token("SUP-1", "fulano@longe.test")
    before = portal.state()
    reader = portal.visit()
    for _ in range(2):
        assert reader.get(f"/t/{token}").status_code == 303
        assert reader.head(f"/t/{token}").status_code in (303, 405)
        page = reader.get("/tickets/SUP-1").text
    assert portal.state() == before, "a scanner changes nothing"
    assert "Foi você quem abriu este ticket?" in words(page)
    assert "não verificado" in words(page).lower()
    token_of_form = re.search(r'action="/tickets/SUP-1/vouch">\s*<input type="hidden" name="token" value="(\w+)"', page)
    assert token_of_form is not None
    assert reader.post("/tickets/SUP-1/vouch", data={"token": "0" * 32}).status_code == 403
    assert browser.post("/tickets/SUP-1/vouch", data={"token": token_of_form[1]}).status_code == 404
    assert not portal.house.ticket("SUP-1").verified
    done = reader.post("/tickets/SUP-1/vouch", data={"token": token_of_form[1]})
    assert (done.status_code, done.headers["location"]) == (303, "/tickets/SUP-1?vouched")
    assert portal.house.ticket("SUP-1").verified
    after = words(reader.get("/tickets/SUP-1?vouched").text)
    assert "confirmado que foi você" in after
    assert "não verificado" not in after.lower()


def test_somebody_elses_address_gives_a_guest_nothing(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Segredo da Ana", "Senha 123"))
    portal.clock.advance(timedelta(minutes=11))
    browser, form = guest(portal, address=ANA[1])
    assert browser.post("/new", data=form).status_code == 303
    assert browser.get("/tickets/SUP-1").status_code == 404
    ticket = portal.house.ticket("SUP-2")
    assert (ticket.verified, ticket.requester_address) == (False, ANA[1])
    told = portal.house.outbox("N1")[-1]
    assert TEXT not in told.body
    for ours in (SUPPORT, BRUNO[1]):
        browser, form = guest(portal, address=ours)
        answer = browser.post("/new", data=form)
        assert answer.status_code == 409
        assert "Este endereço é da nossa equipe" in words(answer.text)


def test_robots_are_told_apart_without_a_puzzle(portal: Portal) -> None:
    browser, form = guest(portal)
    trapped = browser.post("/new", data={**form, "website": "http://spam.test"})
    assert (trapped.status_code, count(portal)) == (422, 0)
    assert TEXT in trapped.text
    quick = portal.visit()
    fast = quick.post("/new", data=filled(quick, name="x", address="x@y.test"))
    assert (fast.status_code, count(portal)) == (422, 0)
    portal.clock.advance(timedelta(hours=13))
    late = browser.post("/new", data=form)
    assert (late.status_code, count(portal)) == (403, 0)
    again = {**form, **hidden(late.text)}
    portal.clock.advance(timedelta(seconds=5))
    assert browser.post("/new", data=again).status_code == 303


def test_a_guests_form_is_of_his_browser_and_of_our_page(portal: Portal) -> None:
    browser, form = guest(portal)
    before = portal.state()
    for headers in ({"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.post("/new", data=form, headers=headers).status_code == 403
    assert portal.visit().post("/new", data=form).status_code == 403, "no cookie"
    other, _ = guest(portal)
    assert other.post("/new", data=form).status_code == 403, "another browser's"
    later = str(int(form["made"]) + 5)
    assert browser.post("/new", data={**form, "made": later}).status_code == 403, "the time is signed"
    assert portal.state() == before
    signed_in = portal.house.site
    assert signed_in.policy.guests == "yes"


def test_caps_per_peer_and_per_address(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(PortalLimits(guest_tickets=(Rate(3, timedelta(hours=1)),)))
    codes = []
    for n in range(4):
        browser, form = guest(portal, address=f"p{n}@longe.test")
        codes.append(browser.post("/new", data=form).status_code)
    assert codes == [303, 303, 303, 429]
    assert browser.get("/new?topic=duvida").status_code == 200
    portal.clock.advance(timedelta(hours=1))
    browser, form = guest(portal)
    assert browser.post("/new", data=form).status_code == 303


def test_whose_addresses_are_refused_is_asked_no_more_often_than_tickets_are_opened(
    make_portal: Callable[..., Portal],
) -> None:
    """An agent's address is refused, a stranger's is not: a guest could ask for every address of a company (T16)."""
    portal = make_portal(PortalLimits(guest_tickets=(Rate(3, timedelta(hours=1)),)))
    codes = []
    for _ in range(4):
        browser, form = guest(portal, address=BRUNO[1])
        codes.append(browser.post("/new", data=form).status_code)
    assert codes == [409, 409, 409, 429]


@pytest.mark.parametrize("guests", ["held", "rejected"])
def test_where_guests_are_not_taken_one_signs_in(make_portal: Callable[..., Portal], guests: str) -> None:
    portal = make_portal(guests=guests)
    browser = portal.visit()
    answer = browser.get("/new?topic=duvida")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")
    assert browser.post("/new", data={"name": "x"}).status_code == 303
    assert 'href="/new"' not in browser.get("/").text


# --- hostile ---------------------------------------------------------------------------------------------------------


def test_forged_departments_and_topics_open_nothing(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(preset="zetti")
    contact(portal)
    browser = portal.signed_in()
    form = filled(browser, "/new?department=comercial&topic=informacoes_integracao")
    for wrong in ({"topic": "suporte"}, {"topic": "x"}, {"department": "x"}, {"department": "", "topic": ""}):
        answer = browser.post("/new", data={**form, **wrong})
        assert answer.status_code == 200, wrong
        assert "/new?department=" in answer.text
    assert count(portal) == 0
    assert browser.get("/new?department=x&topic=../../etc&department=y").status_code == 200


def test_limits_of_a_form(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(PortalLimits(body_bytes=300_000))
    contact(portal)
    browser = portal.signed_in()
    form = filled(browser)
    many = [("files", (f"{n}.txt", b"x", "text/plain")) for n in range(51)]
    assert browser.post("/new", data=form, files=many).status_code == 400
    fields = {f"field_{n}": "x" for n in range(201)}
    one = [("files", ("a.txt", b"x", "text/plain"))]
    assert browser.post("/new", data={**form, **fields}, files=one).status_code == 400
    assert (
        browser.post("/new", data=form, files=[("files", ("a.txt", b"x" * 400_000, "text/plain"))]).status_code == 413
    )
    assert count(portal) == 0
    names = [
        "../../../etc/passwd",
        ".htaccess",
        "a\x00b.php",
        "x" * 400 + ".png",
        "\u202egnp.exe",
        "CON",
        "<script>.html",
    ]
    files = [("files", (name, b"<svg onload=alert(1)>", "text/html")) for name in names]
    assert browser.post("/new", data=form, files=files).status_code == 303
    with portal.house.site.writer.database.read() as connection:
        ticket = portal.house.ticket("SUP-1")
        first = tickets.comments(connection, ticket.id)[0]
        kept = [f.filename for f in tickets.attachments(connection, [first.id])]
    assert len(kept) == len(names)
    assert not any(re.search(r"[/\\\x00-\x1f\u202e]|^\.", name) or len(name.encode()) > 120 for name in kept)
    page = browser.get("/tickets/SUP-1").text
    assert "<script>.html" not in page


NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "\0", "yes", "9" * 400, "-1", "1e999", "../..", "<script>", "\ud7ff", "%00", "ana@cliente.test"]
    ),
)
NAMES = st.sampled_from(
    [
        "department", "topic", "subject", "text", "phone", "name", "address", "shown", "visibility", "branch",
        "follower_1", "writes_1", "field_versao", "field_base", "field_cloud", "field_desde", "field_", "number",
        "keeps", "made", "token", "website", "solved", "x",
    ]
)  # fmt: skip


def test_no_form_is_a_fault_of_ours(make_portal: Callable[..., Portal]) -> None:
    portal = make_portal(PortalLimits(requests_per_ip=(), requests_per_token=(), guest_tickets=()), preset="totvs")
    contact(portal)
    member, stranger = portal.signed_in(), portal.visit()
    bases = [(member, filled(member, "/new")), (stranger, filled(stranger, "/new", name="x", address="x@y.test"))]
    portal.clock.advance(timedelta(minutes=1))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(NAMES, NASTY, max_size=12), st.booleans(), st.sampled_from([0, 1]))
    def sent(values: dict[str, str], whole: bool, who: int) -> None:
        browser, base = bases[who]
        keep = {"token": base["token"], **({"made": base["made"]} if "made" in base else {})}
        answer = browser.post("/new", data={**(base if whole else {}), **values, **(keep if whole else {})})
        assert answer.status_code < 500, values

    sent()


# --- articles before a ticket ----------------------------------------------------------------------------------------

ARTICLE = "---\ntitle: Erro 42 ao emitir nota fiscal\n---\nO erro 42 na nota some quando o certificado é renovado.\n"


@pytest.fixture
def make_library(make_portal: Callable[..., Portal], tmp_path: Path) -> Callable[..., Portal]:
    """A portal whose company has an article about error 42."""

    def make(**settings: Any) -> Portal:
        folder = tmp_path / "knowledge"
        folder.mkdir()
        (folder / "erro-42.md").write_text(ARTICLE, encoding="utf-8")
        portal = make_portal(knowledge={"folder": str(folder)}, **settings)
        import_folder(portal.house.site)
        return portal

    return make


@pytest.fixture
def library(make_library: Callable[..., Portal]) -> Portal:
    return make_library()


def test_articles_are_offered_before_it_is_opened(library: Portal) -> None:
    contact(library)
    browser = library.signed_in()
    form = filled(browser, subject="Erro 42 na nota fiscal", text="Aparece o erro 42 ao emitir a nota.", phone="")
    asked = browser.post("/new", data=form)
    assert asked.status_code == 200
    said = words(asked.text)
    assert "Isto resolveu?" in said
    assert "Erro 42 ao emitir nota fiscal" in said
    assert "Não resolveu: abrir ticket" in said
    assert "Aparece o erro 42 ao emitir a nota." in asked.text, "the form is still there"
    assert count(library) == 0
    solved = words(browser.get("/new/solved").text)
    assert "Que bom que resolveu!" in solved
    assert "Meu perfil" in solved, "still signed in"
    assert browser.post("/new", data={**form, **hidden(asked.text)}).status_code == 303
    assert count(library) == 1
    other = filled(browser, subject="Quero trocar o plano", text="Como mudo de plano?")
    assert browser.post("/new", data=other).status_code == 303, "nothing fits, nothing is asked"
    files = [("files", ("tela.png", png(), "image/png"))]
    kept = browser.post("/new", data={**filled(browser), **form}, files=files)
    assert kept.status_code == 303, "without scripts nobody has to choose the files again for that"


def test_strangers_are_offered_what_strangers_may_read(library: Portal) -> None:
    browser, form = guest(library, subject="Erro 42 na nota fiscal", text="Aparece o erro 42 ao emitir a nota.")
    asked = browser.post("/new", data=form)
    assert "Isto resolveu?" in words(asked.text)
    assert browser.post("/new", data={**form, **hidden(asked.text)}).headers["location"] == "/new/SUP-1"


def test_the_assistants_answer_is_text_and_never_in_the_way(make_library: Callable[..., Portal], model: Model) -> None:
    """R033: a company that set an endpoint up; what it says is a stranger's text, and where it is silent we go on."""
    library = make_library(assistant={"url": model.url, "model": "pequeno", "timeout": "1s"})
    contact(library)
    browser = library.signed_in()
    more = {
        "subject": "Erro 42 na nota fiscal",
        "text": "Aparece o erro 42 ao emitir a nota.",
        "phone": "(11) 98765-4321",
    }
    model.act = says("Renove o certificado. <img src=x onerror=alert(1)>")
    asked = browser.post("/new", data=filled(browser, **more))
    assert "Renove o certificado. &lt;img src=x onerror=alert(1)&gt;" in asked.text
    assert "Resposta automática" in words(asked.text)
    told = str(model.asked)
    assert "Aparece o erro 42" in told
    assert ANA[0] not in told
    assert ANA[1] not in told
    assert "98765" not in told
    model.act = drips
    asked = browser.post("/new", data=filled(browser, **more))
    assert "Isto resolveu?" in words(asked.text), "the articles stand alone"
    assert "Resposta automática" not in words(asked.text)
    assert browser.post("/new", data={**hidden(asked.text), **more}).status_code == 303


def test_whoever_asks_too_often_goes_on_without(make_library: Callable[..., Portal]) -> None:
    library = make_library(bounds=PortalLimits(helped=(Rate(1, timedelta(hours=1)),)))
    contact(library)
    browser = library.signed_in()
    more = {"subject": "Erro 42 na nota fiscal", "text": "Aparece o erro 42 ao emitir a nota."}
    assert [browser.post("/new", data=filled(browser, **more)).status_code for _ in range(2)] == [200, 303]


def test_the_form_with_everything_on_it_is_light(make_library: Callable[..., Portal]) -> None:
    library = make_library(preset="zetti")
    own = organisation(library, "Farmácia Vida", branches=6)
    contact(library, branch_id=own[1])
    contact(library, CARMEN)
    browser = library.signed_in()
    page = browser.get("/new?department=pdv-orcamento&topic=reportar_falha")
    parts = set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', page.text))
    assert len(page.content) + sum(len(browser.get(part).content) for part in parts) < MOST_BYTES
