"""The survey's page and the end of notices: looking changes nothing, a post does it, once."""

from __future__ import annotations

from mailgate.links.tokens import Capability
from store import tickets
from store.vocabulary import Role
from tests.house import ANA, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, form_fields, words


def _link(portal: Portal, purpose: str) -> str:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    site = portal.house.site
    link_id = site.mint.read_access_token(portal.house.token("SUP-1"))
    assert link_id is not None
    return f"/{'rate' if purpose == 'rate' else 'stop'}/{site.mint.access_token(link_id, purpose)}"


def _ratings(portal: Portal) -> list[str]:
    with portal.house.site.writer.database.read() as connection:
        return [row.data["rating"] for row in tickets.surveys(connection, portal.house.ticket("SUP-1").id)]


def test_looking_rates_nothing_and_a_post_without_our_page_neither(portal: Portal) -> None:
    link = _link(portal, "rate")
    browser = portal.visit()
    page = browser.get(f"{link}?score=4")
    assert page.status_code == 200
    assert 'value="4" required checked' in page.text
    assert "SUP-1" in words(page.text)
    assert browser.post(link, data={"score": "5"}).status_code == 403
    assert browser.post(link, data={"score": "9", **form_fields(page.text)}).status_code == 422
    assert _ratings(portal) == []
    answer = browser.post(link, data={"score": "5", "comment": "Ótimo", **form_fields(page.text)})
    assert (answer.status_code, _ratings(portal)) == (200, ["5"])
    assert "Ótimo" in browser.get(link).text


def test_a_link_of_another_purpose_opens_no_survey(portal: Portal) -> None:
    link = _link(portal, "rate")
    assert portal.visit().get(link.replace("/rate/", "/stop/")).status_code == 404
    assert portal.visit().get(f"/rate/{portal.house.token('SUP-1')}").status_code == 404


def test_the_mail_clients_own_button_needs_no_page(portal: Portal) -> None:
    """RFC 8058 §3.2: a POST with `List-Unsubscribe=One-Click`, without cookies; GET only asks."""
    link = _link(portal, "stop")
    before = portal.state()
    assert portal.visit().get(link).status_code == 200
    assert portal.state() == before
    answer = portal.visit().post(link, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200


def test_what_a_link_or_a_button_holds_is_not_shown_on_a_page(portal: Portal) -> None:
    """Somebody quotes our mail into the ticket: whoever reads the page must not get what was another's."""
    link = _link(portal, "rate")
    button = portal.house.site.mint.action_token(Capability(1, 7, Role.CUSTOMER, 1, "rate_5"))
    text = (
        f"Recebi isto: http://x.test{link} e mailto:suporte%2Ba{button}@example.test e suporte+a{button}@example.test"
    )
    portal.house.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", text))
    page = portal.opened("SUP-1").get("/tickets/SUP-1").text
    assert "Recebi isto" in page
    assert link.rpartition("/")[2] not in page
    assert button not in page
