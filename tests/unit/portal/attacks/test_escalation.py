"""More than one may: by words that a form never offered, by a friend, by being quick (I5, T10)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from mailgate.flows import directory
from mailgate.people.visibility import Scopes, sees_as_far
from store import people
from store.tables import COMMENT, CONTACT, TICKET
from tests.unit.portal.attacks.town import ANA, LIA, OLGA, SECRET, TITO, Town, one_use_tokens
from tests.unit.portal.conftest import form_fields

_FORM = re.compile(r'name="(token|nonce|number|made)" value="([^"]*)"')


def contact(town: Town, address: str) -> Any:
    with town.house.site.writer.database.read() as connection:
        return people.contact_by_address(connection, address)


def post(town: Town, who: str, path: str, **fields: Any) -> int:
    return town.ask(who, "POST", path, data={"token": town.token(who), **fields}).status_code


def test_an_administrator_gives_no_more_than_he_has(town: Town) -> None:
    """Ana, a master, has no statistics to give; Olga's people are none of hers; agents are no contacts."""
    lia, olga = contact(town, LIA[1]), contact(town, OLGA[1])
    before = town.portal.state()
    path = f"/organisation/people/{lia.id}"
    for role in ("sub_admin", "manager", "admin", "agent", "", "MASTER", "system"):
        assert post(town, "ana", path, role=role, as_role="yes", active="yes") == 422, role
    for may in (["statistics"], ["open", "statistics"]):
        assert post(town, "ana", path, role="light", may=may, active="yes") == 422, may
    assert post(town, "ana", path, role="light", as_role="yes", active="yes", branch=olga.branch_id or 1) == 422
    assert post(town, "ana", f"/organisation/people/{olga.id}", role="light", as_role="yes") == 404
    assert post(town, "ana", f"/organisation/people/{contact(town, ANA[1]).id}", role="light", as_role="yes") == 422
    assert town.portal.state() == before


def test_nobody_reads_by_a_friend_what_he_may_not_read(town: Town) -> None:
    """A light contact who administers contacts makes somebody a manager with hardly a permission: a role sees more
    than its permissions say."""
    directory.put(town.house.site, "contact", {"address": "ciro@cliente.test", "organisation": "Cliente"})
    ciro = contact(town, "ciro@cliente.test")
    may = ["open", "answer", "contacts"]
    town.house.site.writer.call(lambda c: people.change_contact(c, ciro.id, role="light", may=may))
    town.browsers["ciro"] = town.portal.signed_in("ciro@cliente.test")
    path = f"/organisation/people/{contact(town, LIA[1]).id}"
    for role in ("master", "manager", "sub_admin"):
        assert post(town, "ciro", path, role=role, may=["open"], active="yes") == 422, role
    assert contact(town, LIA[1]).role == "light"
    scopes = Scopes({"master": "organisation", "manager": "network"})
    assert not sees_as_far("master", "manager", scopes)
    assert sees_as_far("manager", "master", scopes)
    assert sees_as_far("light", "third_party", scopes)


@pytest.mark.parametrize("address", ["chefe@outra.test", OLGA[1], "suporte@example.test", "suporte+x@example.test"])
def test_nobody_gathers_other_companies_people(town: Town, address: str) -> None:
    """Who is added before he ever wrote would bring his tickets with him: addresses of another company's domain are
    not taken."""
    before = town.portal.state()
    done = post(town, "ana", "/organisation/people", address=address, name="X", role="light", as_role="yes")
    assert done == 422, address
    assert town.portal.state() == before


def test_words_that_no_form_offered(town: Town) -> None:
    """Columns of the row smuggled into the profile, the new ticket, the answer."""
    lia = contact(town, LIA[1])
    smuggled = {
        "role": "manager", "may": "contacts", "organisation_id": str(town.olgas["organisation"]), "active": "no",
        "id": str(town.olgas["contact"]), "contact_id": str(town.olgas["contact"]), "verified": "1",
        "branch_id": str(town.olgas["branch"]), "password": "x",
    }  # fmt: skip
    for path in ("/profile", "/profile/notices", "/profile/start", "/requests/columns", "/tickets/SUP-2/comments"):
        answer = town.ask("lia", "POST", path, data={"token": town.token("lia"), "name": "Lia", **smuggled})
        assert answer.status_code in (303, 400, 404, 422), path
    after = contact(town, LIA[1])
    kept = ("role", "may", "organisation_id", "branch_id", "active", "address", "password", "verified_at")
    assert [getattr(lia, name) for name in kept] == [getattr(after, name) for name in kept]
    assert contact(town, OLGA[1]).name == OLGA[0]


def test_a_new_ticket_is_of_who_signed_in(town: Town) -> None:
    """Another requester, another company's branch, strangers who are to follow, a status, an agent."""
    page = town.browsers["lia"].get("/new?department=suporte")
    department, topic = _choose(town, "lia")
    fields = {
        **dict(_FORM.findall(page.text)), "department": department, "topic": topic, "text": "x",
        "subject": "Assunto-da-Lia",
        "address": OLGA[1], "name": "Olga", "requester": OLGA[1], "requester_id": str(town.olgas["contact"]),
        "branch": str(town.olgas["branch"] or 1), "status": "resolvido", "agent": "bruno@example.test",
        "visibility": "network", "token": town.token("lia"), "number": "1", "verified": "1",
    }  # fmt: skip
    town.ask("lia", "POST", "/new", data={**fields, "follower_1": OLGA[1]})
    town.ask("lia", "POST", "/new", data=fields)
    with town.house.site.writer.database.read() as connection:
        rows = list(connection.execute(select(TICKET).where(TICKET.c.subject == "Assunto-da-Lia")))
        requesters = {row.requester_id for row in rows}
        assert requesters <= {contact(town, LIA[1]).id}
        assert all(row.agent_id is None and row.status != "resolvido" for row in rows)
    assert "Assunto-da-Lia" not in town.ask("olga", "GET", "/requests").text


def _choose(town: Town, who: str) -> tuple[str, str]:
    site = town.house.site.book()
    for key, topic in site.topics.topics.items():
        return (getattr(topic, "department", "") or "suporte"), key
    return "suporte", ""


def test_a_customer_gives_no_orders(town: Town) -> None:
    """Commands in a comment are words, an agent's pages are not there, notes are nobody's but ours."""
    ana = town.browsers["ana"]
    fields = form_fields(ana.get("/tickets/SUP-2").text)
    status = town.house.ticket("SUP-2").status
    words = {"text": "#resolvido\n#atribuir bruno@example.test\n#nota x", "kind": "note", "status": "resolvido"}
    done = ana.post("/tickets/SUP-2/comments", data={**fields, **words, "do": "send", "role": "agent"})
    assert done.status_code in (303, 404)
    assert town.house.ticket("SUP-2").status in (status, "reaberto", "em_atendimento", "aberto")
    assert town.house.ticket("SUP-2").agent_id is None
    with town.house.site.writer.database.read() as connection:
        query = select(COMMENT).where(COMMENT.c.ticket_id == town.house.ticket("SUP-2").id)
        assert {row.role for row in connection.execute(query)} == {"customer"}
    for path in ("/queue", "/queue?tab=held", "/tickets/SUP-2/why"):
        assert town.ask("ana", "GET", path).status_code == 404, path
    for path in ("/tickets/SUP-2/answer", "/tickets/SUP-2/orders", f"/queue/held/{town.olgas['held']}"):
        assert post(town, "ana", path, text="x", do="release") in (403, 404), path


def test_who_may_see_and_not_answer_does_not_answer(town: Town) -> None:
    """`answer` was taken from a colleague who sees the ticket (the master's role sees the company's)."""
    directory.put(town.house.site, "contact", {"address": "mudo@cliente.test", "organisation": "Cliente"})
    mudo = contact(town, "mudo@cliente.test")
    town.house.site.writer.call(lambda c: people.change_contact(c, mudo.id, role="master", may=["open"]))
    town.browsers["mudo"] = town.portal.signed_in("mudo@cliente.test")
    page = town.ask("mudo", "GET", "/tickets/SUP-2")
    if page.status_code == 200:
        before = _count(town, COMMENT)
        data = {"token": form_fields(page.text).get("token") or town.token("mudo"), "number": "77", "text": "não posso"}
        town.ask("mudo", "POST", "/tickets/SUP-2/comments", data=data)
        assert _count(town, COMMENT) == before


def _count(town: Town, table: Any) -> int:
    with town.house.site.writer.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_twice_at_once_is_once(town: Town) -> None:
    """Eight threads press the button at the same moment: an answer, a person, a link of one use."""
    ana = town.browsers["ana"]
    fields = form_fields(ana.get("/tickets/SUP-2").text)
    before = _count(town, COMMENT)
    cookies = dict(ana.cookies)

    def press(path: str, data: dict[str, str]) -> int:
        with town.portal.visit() as one:
            one.cookies.update(cookies)
            return one.post(path, data=data).status_code

    def all_at_once(path: str, data: dict[str, str]) -> list[int]:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda _: press(path, data), range(8)))

    assert max(all_at_once("/tickets/SUP-2/comments", {**fields, "text": "uma vez"})) < 500
    assert _count(town, COMMENT) == before + 1
    people_before = _count(town, CONTACT)
    person = {"token": town.token("ana"), "address": "novo@cliente.test", "name": "N", "role": "light", "as_role": "y"}
    codes = all_at_once("/organisation/people", person)
    assert _count(town, CONTACT) == people_before + 1
    assert codes.count(303) == 1, codes
    for kind in ("enter", "invite", "reset"):
        token = one_use_tokens(town)[kind]
        browser = town.portal.visit()
        hidden = dict(_FORM.findall(browser.get(f"/{kind}/{token}").text))
        cookies = dict(browser.cookies)
        word = {"password": "cavalo bateria grampo 7", "again": "cavalo bateria grampo 7", "name": "Olga Prado"}
        codes = all_at_once(f"/{kind}/{token}", {**hidden, **word})
        assert codes.count(303) == 1, (kind, codes)
        assert set(codes) <= {303, 410, 404, 503}, (kind, codes)


def test_the_third_party_sees_nothing_of_the_company(town: Town) -> None:
    for path in ("/organisation", "/statistics", "/statistics.csv", "/tickets/SUP-2"):
        assert town.ask("tito", "GET", path).status_code == 404, path
    page = town.ask("tito", "GET", "/new").text
    assert LIA[1] not in page
    assert SECRET not in page
    assert TITO[0] in page or "Tito" in page
