"""Who administers an organisation's people, what he may give, and whom he cannot touch."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from mailgate.flows import contacts, directory, inviting
from mailgate.flows.contacts import Refused, Wanted
from mailgate.flows.sessions import Came
from mailgate.people.roles import PERMISSIONS, ROLES, may_grant, permissions
from store import people
from store.tables import ONE_USE, OUTBOX
from tests.house import SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, words

HELENA = "helena@vetor.test"
LIGHT = "lia@vetor.test"
OTHER = "olga@outra.test"


@pytest.fixture
def vetor(portal: Portal) -> Portal:
    """Vetor Farma with Helena, who administers, Lia (light), two branches; and another company with Olga."""
    fill(portal)
    return portal


def fill(portal: Portal) -> None:
    site = portal.house.site
    for name, domain in (("Vetor Farma", "vetor.test"), ("Outra", "outra.test")):
        directory.put(site, "organisation", {"name": name, "domains": domain})
    directory.put(site, "branch", {"organisation": "Vetor Farma", "name": "Loja 1", "place": "Rua A, 1"})
    directory.put(site, "branch", {"organisation": "Outra", "name": "Sede"})
    for address, name, organisation, role in (
        (HELENA, "Helena", "Vetor Farma", "sub_admin"),
        (LIGHT, "Lia", "Vetor Farma", "light"),
        (OTHER, "Olga", "Outra", "light"),
    ):
        values = {"address": address, "name": name, "organisation": organisation, "role": role}
        directory.put(site, "contact", values)


def contact(portal: Portal, address: str) -> Any:
    with portal.house.site.writer.database.read() as connection:
        return people.contact_by_address(connection, address)


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def posted(browser: httpx.Client, path: str, **fields: Any) -> httpx.Response:
    token = token_of(browser.get("/organisation/people").text)
    return browser.post(path, data={"token": token, **fields})


def test_a_person_is_added_and_invited(vetor: Portal) -> None:
    helena = vetor.signed_in(HELENA)
    assert "Lia" in words(helena.get("/organisation").text)
    branch = re.search(r'<option value="([0-9]+)">Loja 1', helena.get("/organisation/people").text)
    assert branch
    done = posted(
        helena, "/organisation/people", address="Novo@Vetor.test", name="Nuno  Novo", role="manager", as_role="yes",
        branch=branch[1],
    )  # fmt: skip
    assert done.headers["location"] == "/organisation?done=added"
    assert "Convite enviado." in words(helena.get("/organisation?done=added").text)
    nuno = contact(vetor, "novo@vetor.test") or contact(vetor, "Novo@vetor.test")
    assert (nuno.name, nuno.role, nuno.branch_id, nuno.may) == ("Nuno Novo", "manager", int(branch[1]), None)
    with vetor.house.site.writer.database.read() as connection:
        mails = list(connection.execute(select(OUTBOX.c.notice, OUTBOX.c.recipient)))
    assert ("N17", nuno.address) in [tuple(row) for row in mails]
    page = words(helena.get("/organisation/branches").text)
    assert "Loja 1 Rua A, 1 — 1" in page


def test_the_pages_are_for_who_administers(vetor: Portal) -> None:
    before = vetor.state()
    for address in (LIGHT, OTHER):
        browser = vetor.signed_in(address)
        for path in ("/organisation", "/organisation/people", "/organisation/branches", "/statistics"):
            assert browser.get(path).status_code == 404
    assert vetor.visit().get("/organisation").headers["location"] == "/login?next=%2Forganisation"
    helena = vetor.signed_in(HELENA)
    before = vetor.state()
    lia, olga = contact(vetor, LIGHT), contact(vetor, OTHER)
    for path in ("/organisation?q=%25&page=9", f"/organisation/people/{lia.id}", "/organisation/branches"):
        assert helena.get(path).status_code == 200
    for page in ("0000000019999999999999999999", "9" * 5000, "0", "99999", "-1", "²"):
        assert helena.get("/organisation", params={"page": page}).status_code == 200
    assert helena.get(f"/organisation/people/{olga.id}").status_code == 404
    assert vetor.state() == before
    for path in (f"/organisation/people/{olga.id}", f"/organisation/people/{olga.id}/invite"):
        assert posted(helena, path, role="light", as_role="yes").status_code == 404
    assert helena.post(f"/organisation/people/{lia.id}", data={"role": "light", "token": "x"}).status_code == 403
    crossed = {"Sec-Fetch-Site": "cross-site"}
    assert helena.post(f"/organisation/people/{lia.id}", data={}, headers=crossed).status_code == 403
    assert contact(vetor, OTHER).role == "light"


def test_nobody_gives_what_he_has_not(vetor: Portal) -> None:
    site = vetor.house.site
    directory.put(site, "contact", {"address": "max@vetor.test", "organisation": "Vetor Farma", "role": "master"})
    master, helena, lia = (contact(vetor, a) for a in ("max@vetor.test", HELENA, LIGHT))
    browser = vetor.signed_in("max@vetor.test")
    page = browser.get("/organisation/people").text
    assert "Subadministrador" not in words(page)
    for fields in ({"role": "sub_admin", "as_role": "yes"}, {"role": "light", "may": "statistics"}):
        answer = posted(browser, f"/organisation/people/{lia.id}", active="yes", **fields)
        assert answer.status_code == 422
        assert "permissões que você mesmo tem" in words(answer.text)
    assert posted(browser, f"/organisation/people/{helena.id}", role="light", as_role="yes").status_code == 422
    assert contact(vetor, HELENA).role == "sub_admin"
    answer = posted(browser, f"/organisation/people/{master.id}", role="light", as_role="yes", active="yes")
    assert "seu próprio papel" in words(answer.text)


def test_who_is_switched_off_is_signed_out(vetor: Portal) -> None:
    lia, browser = contact(vetor, LIGHT), vetor.signed_in(LIGHT)
    assert "Olá, Lia" in words(browser.get("/").text)
    helena = vetor.signed_in(HELENA)
    assert posted(helena, f"/organisation/people/{lia.id}", role="light", as_role="yes").status_code == 303
    assert not contact(vetor, LIGHT).active
    assert "Olá" not in words(browser.get("/").text)
    assert posted(helena, f"/organisation/people/{lia.id}/invite").status_code == 404


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "não está completo"), ("ana", "não está completo"), ("suporte@example.test", "da nossa equipe"),
        ("bruno@example.test", "da nossa equipe"), (OTHER, "Não é possível adicionar"), (LIGHT, "já está na lista"),
    ],
)  # fmt: skip
def test_whom_nobody_can_add(vetor: Portal, address: str, why: str) -> None:
    answer = posted(vetor.signed_in(HELENA), "/organisation/people", address=address, role="light", as_role="yes")
    assert answer.status_code == 422
    assert why in words(answer.text)


@pytest.mark.parametrize("known", [True, False])
def test_who_is_from_outside_belongs_to_it_by_accepting(vetor: Portal, known: bool) -> None:
    """Else an administrator could name a stranger and read what he writes before he hears of it."""
    site, stranger = vetor.house.site, "tito@livre.test"
    if known:
        directory.put(site, "contact", {"address": stranger, "name": "Tito"})
    helena = vetor.signed_in(HELENA)
    done = posted(
        helena, "/organisation/people", address=stranger, name="Tito Terceiro", role="third_party", as_role="yes"
    )
    assert done.headers["location"] == "/organisation?done=added"
    assert contact(vetor, stranger).organisation_id is None
    assert "Convites à espera" in (page := words(helena.get("/organisation").text))
    assert stranger in page
    vetor.house.receive(plain_mail(("Tito", stranger), SUPPORT, "Segredo", "Só meu."))
    assert vetor.house.ticket("SUP-1").organisation_id is None
    assert helena.get("/tickets/SUP-1").status_code == 404
    with site.writer.database.read() as connection:
        row = connection.execute(select(ONE_USE).where(ONE_USE.c.detail != "")).one()
    token = site.mint.access_token(row.id, "invite")
    assert inviting.accept(site, token, "Tito", "$argon2id$x", Came("Firefox", "")) is not None
    tito = contact(vetor, stranger)
    assert (tito.organisation_id, tito.role) == (contact(vetor, HELENA).organisation_id, "third_party")
    assert inviting.accept(site, token, "Tito", "$argon2id$x", Came("Firefox", "")) is None
    page = words(helena.get("/organisation").text)
    assert ("Convites à espera" in page, "Terceirizado" in page) == (False, True)


def test_addresses_are_not_asked_for_without_end(vetor: Portal) -> None:
    helena = vetor.signed_in(HELENA)
    token = token_of(helena.get("/organisation/people").text)
    form = {"token": token, "address": "x", "role": "light", "as_role": "yes"}
    asked = [helena.post("/organisation/people", data=form).status_code for _ in range(35)]
    assert asked[:20] == [422] * 20
    assert 429 in asked


def test_another_session_renews_no_number(vetor: Portal) -> None:
    """Who administers is a customer as well: strangers must not be mailed without end by one, or by several of them."""
    form = {"name": "x", "role": "light", "as_role": "yes"}
    for session in range(2):
        helena = vetor.signed_in(HELENA)
        token = token_of(helena.get("/organisation/people").text)
        for n in range(16):
            helena.post("/organisation/people", data=form | {"token": token, "address": f"a{n}@livre{session}.test"})
    assert len(vetor.house.outbox("N17")) == 30


def test_one_address_is_invited_thrice_an_hour(vetor: Portal) -> None:
    site, nova = vetor.house.site, "nova@vetor.test"
    directory.put(site, "contact", {"address": LIGHT, "name": "Lia", "organisation": "Vetor Farma", "role": "master"})
    helena, lia = vetor.signed_in(HELENA), vetor.signed_in(LIGHT)
    posted(helena, "/organisation/people", address=nova, name="Nova", role="light", as_role="yes")
    again = f"/organisation/people/{contact(vetor, nova).id}/invite"
    assert [posted(one, again).status_code for one in (lia, helena, lia, helena)] == [303, 303, 429, 429]
    assert len(vetor.house.outbox("N17")) == 3
    for n, browser in enumerate((helena, lia, helena, lia)):  # somebody from outside is no row before he accepts
        done = posted(browser, "/organisation/people", address="tito@livre.test", role="light", as_role="yes")
        assert done.status_code == (303 if n < 3 else 429)
    vetor.clock.advance(timedelta(hours=1))
    assert posted(helena, again).status_code == 303


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ROLES), st.none() | st.sets(st.sampled_from(PERMISSIONS)), st.sampled_from(ROLES), st.data())
def test_granting_never_grows(giver: str, own: set[str] | None, role: str, data: st.DataObject) -> None:
    may = permissions(giver, own)
    given_may = data.draw(st.none() | st.sets(st.sampled_from(PERMISSIONS)))
    assert may_grant(may, role, given_may) == (permissions(role, given_may) <= may)


def test_on_postgresql_too(make_portal: Callable[..., Portal], house_url: str) -> None:
    portal = make_portal(url=house_url)
    fill(portal)
    site, helena = portal.house.site, contact(portal, HELENA)
    new_id = contacts.add(site, helena.id, "novo@vetor.test", Wanted("Nuno", "light", ("open",), None))
    contacts.change(site, helena.id, new_id, Wanted("Nuno", "light", (), None, active=False))
    with pytest.raises(Refused):
        contacts.invite_again(site, helena.id, new_id)
    assert contact(portal, "novo@vetor.test").may == []
    portal.clock.advance(timedelta(days=1))
    with site.writer.database.read() as connection:
        assert [row.name for row in people.of_organisation(connection, helena.organisation_id, "NUN")] == ["Nuno"]
