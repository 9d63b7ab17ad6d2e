"""The lists: what they show to whom, tabs, filters, columns, pages, the file; and what an attacker's address gets."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from mailgate.flows import customer
from mailgate.people import passwords
from mailgate.people.roles import ROLES
from store import people, tickets
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail
from tests.unit.portal.accounts import SECRET, change, sign_in
from tests.unit.portal.conftest import Portal, form_fields, words

MARTA = ("Marta Lima", "marta@cliente.test")
ZE = ("Zé", "ze@outra.test")


def found(portal: Portal, role: str = "master") -> None:
    """Cliente Ltda. with Ana, Carmen and Marta, who leads; each of them asked something, and so did a stranger."""
    site = portal.house.site

    def work(connection: Any) -> None:
        people.add_organisation(connection, {
            "id": 10, "name": "Vetor Farma", "domains": ["cliente.test"], "network": "", "cnpj": "", "language": None,
            "tier": "", "created_at": site.clock(),
        })  # fmt: skip
        people.contact_for(connection, site.ids.new(), MARTA[1], MARTA[0], None, site.clock(), role)

    site.writer.call(work)
    for who, subject in (
        (ANA, "Nota fiscal rejeitada"),
        (CARMEN, "Impresora sin papel"),
        (MARTA, "Relatório"),
        (ZE, "X"),
    ):
        portal.house.receive(plain_mail(who, SUPPORT, subject, "Socorro."))


def rows(page: str) -> list[str]:
    """The keys of the tickets that a page lists, in order."""
    return [part.split('"')[0] for part in page.split('class="whole" href="/tickets/')[1:]]


def test_each_list_shows_what_its_person_may_see_and_no_more(portal: Portal) -> None:
    found(portal)
    ana, marta = portal.signed_in(), portal.signed_in(MARTA[1])
    assert rows(ana.get("/requests").text) == ["SUP-1"]
    assert rows(ana.get("/requests?scope=all").text) == ["SUP-1"]
    assert rows(ana.get("/requests?scope=shared").text) == []
    page = marta.get("/requests")
    assert set(rows(page.text)) == {"SUP-1", "SUP-2", "SUP-3"}
    assert "Todas as solicitações" in words(page.text)
    assert rows(marta.get("/requests?scope=mine").text) == ["SUP-3"]
    assert words(page.text).count("Aberto por Ana Souza:") == 1
    assert "Aberto por Marta Lima:" not in words(page.text)


def test_who_is_not_signed_in_signs_in_and_comes_back(portal: Portal) -> None:
    answer = portal.visit().get("/requests?q=nota&tab=encerrados")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Frequests%3Fq%3Dnota%26tab%3Dencerrados"
    found(portal)
    linked = portal.opened("SUP-1")
    assert linked.get("/requests").status_code == linked.get("/requests.csv").status_code == 303
    assert portal.signed_in(BRUNO[1]).get("/requests").headers["location"] == "/queue"
    assert portal.signed_in(BRUNO[1]).get("/requests.csv").status_code == 404


def test_closed_ones_are_in_a_tab_of_their_own_and_solved_ones_are_not_closed(portal: Portal) -> None:
    found(portal)
    portal.house.agent_answers("SUP-1", "#resolvido\nPronto.")
    marta = portal.signed_in(MARTA[1])
    assert "SUP-1" in rows(marta.get("/requests").text)
    assert rows(marta.get("/requests?tab=encerrados").text) == []
    closed = portal.house.ticket("SUP-2")
    customer.finalize(portal.house.site, closed.id, closed.requester_id)
    assert rows(marta.get("/requests?tab=encerrados").text) == ["SUP-2"]
    assert "SUP-2" not in rows(marta.get("/requests").text)
    assert rows(marta.get("/requests?state=fechado").text) == ["SUP-2"]
    assert rows(marta.get("/requests?state=resolvido").text) == ["SUP-1"]


def test_a_key_shows_that_one_only_and_words_find_subjects_and_people(portal: Portal) -> None:
    found(portal)
    marta = portal.signed_in(MARTA[1])
    for asked in ("SUP-2", "sup-2", "2", "[SUP-2]"):
        assert rows(marta.get("/requests", params={"q": asked}).text) == ["SUP-2"]
    assert rows(marta.get("/requests", params={"q": "SUP-4"}).text) == []  # a stranger's
    assert rows(marta.get("/requests", params={"q": "4"}).text) == []
    assert rows(marta.get("/requests", params={"q": "NOTA FISCAL"}).text) == ["SUP-1"]
    assert rows(marta.get("/requests", params={"q": "carmen@"}).text) == ["SUP-2"]
    assert rows(marta.get("/requests", params={"q": "RELATÓRIO"}).text) == ["SUP-3"]
    assert rows(marta.get("/requests", params={"q": "%"}).text) == []
    assert rows(marta.get("/requests", params={"q": "_ota"}).text) == []
    page = words(marta.get("/requests", params={"q": "nada disso"}).text)
    assert "Nenhuma solicitação com estes filtros" in page
    assert "Limpar filtros" in page


def test_filters_are_in_the_address_and_only_colleagues_are_offered(portal: Portal) -> None:
    found(portal)
    marta = portal.signed_in(MARTA[1])
    page = marta.get("/requests").text
    people_offered = page.split('name="user"')[1].split("</select>")[0]
    assert "Ana Souza" in people_offered
    assert "Zé" not in people_offered
    token = people_offered.split("Ana Souza")[0].rpartition('value="')[2].split('"')[0]
    assert rows(marta.get(f"/requests?user={token}").text) == ["SUP-1"]
    assert 'name="user"' not in portal.signed_in().get("/requests?scope=all").text
    day = portal.clock.now.date().isoformat()
    assert len(rows(marta.get(f"/requests?from={day}&to={day}").text)) == 3
    assert rows(marta.get("/requests?to=2025-11-04").text) == []
    assert rows(marta.get("/requests?from=2025-11-06").text) == []


def test_a_department_of_ours_and_none_that_there_is_not(portal: Portal) -> None:
    found(portal)
    marta = portal.signed_in(MARTA[1])
    assert len(rows(marta.get("/requests?department=suporte").text)) == 3
    assert len(rows(marta.get("/requests?department=nenhum").text)) == 3  # what cannot be chosen is not applied


def test_sorting_is_by_links_and_says_so(portal: Portal) -> None:
    found(portal)
    marta = portal.signed_in(MARTA[1])
    page = marta.get("/requests?sort=key").text
    assert rows(page) == ["SUP-1", "SUP-2", "SUP-3"]
    assert page.count("aria-sort") == 1
    assert 'class="c-key" aria-sort="ascending"' in page
    assert rows(marta.get("/requests?sort=-created").text) == ["SUP-3", "SUP-2", "SUP-1"]


def test_columns_are_chosen_kept_and_restored(portal: Portal) -> None:
    found(portal)
    ana = portal.signed_in()
    fields = form_fields(ana.get("/requests?q=nota").text)
    assert "Prioridade</th>" not in ana.get("/requests").text
    sent = {"token": fields["token"], "back": "?q=nota", "column": ["priority", "key", "xx", "key"]}
    answer = ana.post("/requests/columns", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/requests?q=nota")
    page = ana.get("/requests").text
    assert [name for name in ("key", "subject", "priority", "updated") if f'scope="col" class="c-{name}"' in page] == [
        "key", "subject", "priority",
    ]  # fmt: skip
    answer = ana.post("/requests/columns", data={**sent, "do": "restore", "back": "//evil.test/?q=1"})
    assert answer.headers["location"].startswith("/requests")
    assert "evil" not in answer.headers["location"]
    assert 'scope="col" class="c-updated"' in ana.get("/requests").text


def test_columns_of_somebody_else_are_not_changed(portal: Portal) -> None:
    found(portal)
    ana, marta = portal.signed_in(), portal.signed_in(MARTA[1])
    token = form_fields(marta.get("/requests").text)["token"]
    assert ana.post("/requests/columns", data={"token": token, "column": "key"}).status_code == 403
    assert ana.post("/requests/columns", data={"column": "key"}).status_code == 403
    assert portal.visit().post("/requests/columns", data={"token": token}).status_code == 303
    own = {"token": form_fields(ana.get("/requests").text)["token"], "column": "key"}
    assert ana.post("/requests/columns", data=own, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_the_file_has_the_list_and_no_formula(portal: Portal) -> None:
    found(portal)
    for subject in ("=HYPERLINK(1)", "+1", "-2+3", "@SUM(1)", ' =1"+1'):
        portal.house.receive(plain_mail(ANA, SUPPORT, subject, "Socorro."))
    marta = portal.signed_in(MARTA[1])
    answer = marta.get("/requests.csv?q=&scope=all")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="solicitacoes.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert table[0][:3] == ["Número", "Assunto", "Status"]
    assert len(table) == 9
    subjects = {row[1] for row in table[1:]}
    assert {"'=HYPERLINK(1)", "'+1", "'-2+3", "'@SUM(1)", "Nota fiscal rejeitada"} <= subjects
    assert not [one for one in subjects if one.lstrip()[:1] in "=+-@"]
    assert {row[0] for row in table[1:]} == {f"SUP-{n}" for n in (1, 2, 3, 5, 6, 7, 8, 9)}
    assert len(marta.get("/requests.csv?q=SUP-1").text.splitlines()) == 2
    assert "," in portal.signed_in(MARTA[1], "en").get("/requests.csv").text.splitlines()[0]


def test_a_long_file_is_cut_and_says_so(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    found(portal)
    monkeypatch.setattr("mailgate.portal.listfile.MOST_ROWS", 2)
    monkeypatch.setattr("mailgate.portal.listfile._PIECE", 1)
    lines = portal.signed_in(MARTA[1]).get("/requests.csv").text.splitlines()
    assert len(lines) == 4
    assert "A lista continua" in lines[-1]


def test_a_number_that_is_no_tickets_is_a_word_in_the_file_too(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    found(portal)
    for day in range(4):
        portal.house.receive(plain_mail(ANA, SUPPORT, f"Relatório 2025 de {day}", "Socorro."))
    monkeypatch.setattr("mailgate.portal.listviews.PAGE", 2)
    ana = portal.signed_in()
    assert len(rows(ana.get("/requests?q=2025").text)) == 2
    assert len(ana.get("/requests.csv?q=2025").text.splitlines()) == 5
    assert len(ana.get("/requests.csv?q=SUP-2025").text.splitlines()) == 1


def test_pages_lead_on_and_back(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    found(portal)
    monkeypatch.setattr("mailgate.portal.listviews.PAGE", 2)
    marta = portal.signed_in(MARTA[1])
    first = marta.get("/requests?sort=-key").text
    assert rows(first) == ["SUP-3", "SUP-2"]
    assert 'rel="prev"' not in first
    on = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = marta.get(on).text
    assert rows(second) == ["SUP-1"]
    assert 'rel="next"' not in second
    back = second.split('rel="prev" href="')[1].split('"')[0].replace("&amp;", "&")
    assert rows(marta.get(back).text) == ["SUP-3", "SUP-2"]


HOSTILE = ("", "'", "\0", "%00", "\u202e", "../../etc", "' OR 1=1 --", "9" * 400, "-1", "<script>alert(1)</script>",
           "\ud83d", "٣.٣", "999999999999999999.1", "2025-13-99", "0001-01-01", "a" * 3000)  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_whatever_stands_in_an_address(portal: Portal, value: str) -> None:
    found(portal)
    marta = portal.signed_in(MARTA[1])
    before = portal.state()
    names = ("scope", "tab", "q", "user", "topic", "department", "state", "from", "to", "sort", "after", "before")
    sent = value.encode("utf-8", "surrogatepass")
    for asked in (dict.fromkeys(names, sent), {"q": sent}, {"after": sent}, {"before": sent, "sort": "due"}):
        for path in ("/requests", "/requests.csv"):
            if len(sent) * len(asked) > 8000:
                continue
            answer = marta.get(path, params=asked)
            assert answer.status_code == 200, (path, asked)
            assert "SUP-4" not in answer.text
            assert "<script>alert" not in answer.text
    assert portal.state() == before


def test_nobody_sees_further_by_asking_for_it(portal: Portal) -> None:
    """IDOR: another's list, another's ticket, another's name in each parameter; ids of rows are no values at all."""
    found(portal)
    site = portal.house.site
    with site.writer.database.read() as connection:
        stranger = people.contact_by_address(connection, ZE[1])
        ticket = tickets.by_key(connection, "SUP-4")
    assert stranger is not None
    assert ticket is not None
    ana = portal.signed_in()
    for value in (str(stranger.id), ZE[1], "Zé", "SUP-4", "4", str(ticket.id), "10", "organisation", "network"):
        for name in ("scope", "user", "q", "organisation", "organisation_id", "contact", "branch", "requester"):
            page = ana.get("/requests", params={name: value, "tab": "abertos"}).text
            assert set(rows(page)) <= {"SUP-1"}, (name, value)
            file = ana.get("/requests.csv", params={name: value}).text
            assert "SUP-4" not in file
            assert "SUP-2" not in file


@pytest.mark.parametrize("role", ROLES)
def test_the_menu_counts_what_there_is_to_see(portal: Portal, role: str) -> None:
    found(portal, role)
    shown = words(portal.signed_in(MARTA[1]).get("/requests").text)
    leads = role in ("master", "manager", "sub_admin")
    expected = 3 if leads and role != "sub_admin" else len(rows(portal.signed_in(MARTA[1]).get("/requests").text))
    assert f"Solicitações {expected} Meu perfil" in shown


def test_the_overview_begins_with_what_waits_for_the_customer(portal: Portal) -> None:
    found(portal)
    portal.house.agent_answers("SUP-1", "#com_cliente\nQual é o número da nota?")
    page = portal.signed_in(MARTA[1]).get("/")
    said = words(page.text)
    assert said.index("Aguardando você") < said.index("Nota fiscal rejeitada") < said.index("Solicitações em andamento")
    assert "Última interação: 05/11/2025 10:22" in said
    assert 'href="/new"' in page.text
    assert 'href="/requests?scope=mine"' in page.text
    assert "2" in said
    ana = words(portal.signed_in(CARMEN[1], "es").get("/").text)
    assert "Impresora sin papel" in ana
    assert "Nota fiscal" not in ana


def test_lists_are_reached_from_every_page(portal: Portal) -> None:
    """R097: by the menu along every page, by the person's own menu with the number, and from the overview."""
    found(portal)
    page = portal.signed_in().get("/tickets/SUP-1").text
    menu, person = page.split('<nav class="menu"')[1].split("</nav>")[0], page.split('class="who"')[1]
    assert 'href="/requests"' in menu
    assert 'href="/requests"' in person.split("</ul>")[0]


def test_who_leads_begins_with_the_organisations_list(portal: Portal, quick: None) -> None:
    """R098: the Master lands on his organisation's tickets; everybody else on the overview."""
    found(portal)
    for who, path in ((MARTA, "/requests"), (ANA, "/")):
        change(portal, who[1], password=passwords.hashed(SECRET), preferences={"started": True})
        browser = portal.visit()
        assert sign_in(browser, who[1], SECRET).headers["location"] == path
    assert "SUP-2" in portal.signed_in(MARTA[1]).get("/requests").text
