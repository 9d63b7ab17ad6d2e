"""The figures of an organisation: who sees them, what they count, and how a period is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.flows import directory
from mailgate.portal.statistics import period
from store import people
from tests.house import SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, words

TODAY = date(2025, 11, 5)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, date(2025, 11, 1), TODAY),
        ({"period": "last_month"}, date(2025, 10, 1), date(2025, 10, 31)),
        ({"period": "quarter"}, date(2025, 8, 8), TODAY),
        ({"from": "2025-02-03", "to": "2025-02-04"}, date(2025, 2, 3), date(2025, 2, 4)),
        ({"from": "2025-02-05", "to": "2025-02-04"}, date(2025, 11, 1), TODAY),
        ({"from": "0001-01-01", "to": "9999-12-31"}, date(2025, 11, 1), TODAY),
    ],
)
def test_a_period(asked: dict[str, str], first: date, last: date) -> None:
    assert (period(asked, TODAY).first, period(asked, TODAY).last) == (first, last)


@given(st.dictionaries(st.sampled_from(["period", "from", "to"]), st.text(max_size=20)))
def test_any_address_is_some_period(asked: dict[str, str]) -> None:
    found = period(asked, TODAY)
    assert found.first <= found.last


def fill(portal: Portal) -> None:
    """Rita, a manager, with Lia and another manager, whose tickets are private; and one of another company."""
    site, house = portal.house.site, portal.house
    directory.put(site, "organisation", {"name": "Vetor", "domains": "vetor.test"})
    directory.put(site, "organisation", {"name": "Outra", "domains": "outra.test"})
    for address, name, role in (
        ("rita@vetor.test", "Rita", "manager"),
        ("lia@vetor.test", "=Lia", "light"),
        ("marco@vetor.test", "Marco", "manager"),
    ):
        directory.put(site, "contact", {"address": address, "name": name, "role": role, "organisation": "Vetor"})
    for sender, subject in (
        ("lia@vetor.test", "Boleto"), ("lia@vetor.test", "Nota"), ("rita@vetor.test", "Caixa"),
        ("marco@vetor.test", "Demissão"), ("olga@outra.test", "Estranha"),
    ):  # fmt: skip
        house.receive(plain_mail((sender.partition("@")[0].title(), sender), SUPPORT, subject, "Socorro."))
    house.agent_answers("SUP-1", "Feito.\n\n#resolvido")


def test_by_category_and_by_person(make_portal: Callable[..., Portal], house_url: str) -> None:
    portal = make_portal(url=house_url, preset="provedor")
    fill(portal)
    rita = portal.signed_in("rita@vetor.test")
    before = portal.state()
    page = words(rita.get("/statistics").text)
    assert "Abertas 3 Ainda em andamento" in page
    assert "=Lia 2 " in page
    assert "Marco" not in page  # another manager's tickets are private
    assert "Olga" not in page
    sheet = rita.get("/statistics.csv")
    assert sheet.headers["content-disposition"] == 'attachment; filename="2025-11-01_2025-11-05.csv"'
    rows = sheet.content.decode("utf-8-sig").split("\r\n")
    assert '"\'=Lia";"2";' in "\n".join(rows)  # never a formula
    assert portal.state() == before
    assert "Nada foi aberto" in words(rita.get("/statistics?period=last_month").text)
    portal.clock.advance(timedelta(days=30))
    later = portal.signed_in("rita@vetor.test")
    months = later.get("/statistics?period=last_month").text
    assert "Abertas 3" in words(months)
    person = months.split('<h2 id="by-person"')[1].split('href="')[1].split('"')[0]
    lias = words(later.get(unescape(person)).text)
    assert "2 solicitações" in lias, "the solved one too"
    assert "Todas" in lias


def test_days_are_those_of_the_persons_own_clock(portal: Portal) -> None:
    fill(portal)
    site: Any = portal.house.site

    def moves(connection: Any) -> None:
        rita = people.contact_by_address(connection, "rita@vetor.test")
        assert rita is not None
        people.change_contact(connection, rita.id, timezone="Pacific/Auckland")

    site.writer.call(moves)
    page = words(portal.signed_in("rita@vetor.test").get("/statistics?from=2025-11-04&to=2025-11-05").text)
    assert "De ter., 4 de nov. de 2025 a qua., 5 de nov. de 2025" in page


def test_only_with_the_permission(portal: Portal) -> None:
    fill(portal)
    assert portal.signed_in("lia@vetor.test").get("/statistics").status_code == 404
    assert portal.signed_in("lia@vetor.test").get("/statistics.csv").status_code == 404
    site: Any = portal.house.site
    directory.put(site, "contact", {"address": "lia@vetor.test", "may": "open statistics"})
    assert portal.signed_in("lia@vetor.test").get("/statistics").status_code == 200
