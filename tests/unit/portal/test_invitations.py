"""Invitations: a link of one use, spent by the POST that saves name and password; never a password by mail."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from mailgate.flows import inviting
from mailgate.people import passwords
from store import people
from store.vocabulary import Notice
from tests.house import ANA, BRUNO, SUPPORT, plain_mail
from tests.unit.portal.accounts import fill
from tests.unit.portal.conftest import Portal, form_fields, words

SECRET = "uma frase que eu lembro"


def _path(portal: Portal, notice: str) -> str:
    """The path of the link in the newest mail of that notice."""
    body = json.loads(portal.house.outbox(notice)[-1].body)
    return f"/{body['once']}/{portal.house.site.mint.access_token(body['once_id'], body['once'])}"


def _ana(portal: Portal) -> object:
    with portal.house.site.writer.database.read() as connection:
        return people.contact_by_address(connection, ANA[1])


def _invited(portal: Portal) -> str:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    assert inviting.invite(portal.house.site, ANA[1], "Marta") is Notice.N17
    return _path(portal, "N17")


def test_an_invitation_is_spent_by_the_post_that_saves_name_and_password(portal: Portal, quick: None) -> None:
    link = _invited(portal)
    browser, before = portal.visit(), portal.state()
    assert ANA[1] in words(browser.get(link).text)
    short = fill(browser, link, name="Ana", password="curta", again="curta")
    own = fill(browser, link, name="Ana Maria", password="anamaria99", again="anamaria99")
    differ = fill(browser, link, name="Ana", password=SECRET, again=SECRET + "!")
    robot = browser.post(link, data={"name": "Ana", "password": SECRET, "again": SECRET})
    assert [one.status_code for one in (short, own, differ, robot)] == [422, 422, 422, 403]
    assert portal.state() == before
    done = fill(browser, link, name="Ana Maria Souza", password=SECRET, again=SECRET)
    assert (done.status_code, done.headers["location"]) == (303, "/profile/start")
    assert "Boas-vindas, Ana" in words(browser.get("/profile/start").text)
    ana = _ana(portal)
    assert (ana.name, ana.verified_at is not None) == ("Ana Maria Souza", True)  # type: ignore[attr-defined]
    assert passwords.matches(SECRET, ana.password)  # type: ignore[attr-defined]
    assert browser.post(link, data={"password": SECRET, "again": SECRET}).status_code == 410
    assert browser.get(link).status_code == 410


def test_an_invitation_ends_after_seven_days(portal: Portal) -> None:
    link = _invited(portal)
    portal.clock.advance(timedelta(days=7, minutes=1))
    assert portal.visit().get(link).status_code == 410
    assert portal.visit().post(link, data={"password": SECRET, "again": SECRET}).status_code == 410
    assert _ana(portal).password is None  # type: ignore[attr-defined]


def test_who_administers_an_organisations_people_gets_another_mail_and_an_address_is_confirmed_by_post(
    portal: Portal,
) -> None:
    link = _invited(portal)
    ana = _ana(portal)
    portal.house.site.writer.call(lambda c: people.change_contact(c, ana.id, role="master"))  # type: ignore[attr-defined]
    assert inviting.invite(portal.house.site, ANA[1]) is Notice.N16
    assert inviting.ask_to_verify(portal.house.site, ANA[1]) is Notice.N18
    check = _path(portal, "N18")
    page = portal.visit().get(check)
    assert page.status_code == 200
    assert portal.visit().post(check).status_code == 403, "a scanner that posts to every address has seen no page"
    assert _ana(portal).verified_at is None  # type: ignore[attr-defined]
    assert portal.visit().post(check, data=form_fields(page.text)).status_code == 200
    assert _ana(portal).verified_at is not None  # type: ignore[attr-defined]
    assert portal.visit().get(check.replace("/verify/", "/invite/")).status_code == 404
    assert portal.visit().get(link).status_code == 200, "one link does not spend another"


def test_a_tickets_link_offers_an_account_and_does_not_give_one(portal: Portal) -> None:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    browser = portal.opened("SUP-1")
    page = browser.get("/tickets/SUP-1")
    assert "Criar senha" in words(page.text)
    path = "/tickets/SUP-1/password"
    token = re.findall(rf'action="{path}"><input type="hidden" name="token" value="(\w+)"', page.text)[0]
    assert browser.post(path, data={"token": "0" * 32}).status_code == 403
    assert portal.visit().post(path, data={"token": token}).status_code == 404
    assert browser.get(path).status_code == 405
    for _ in range(5):
        assert browser.post(path, data={"token": token}).status_code == 200
    mailed = portal.house.outbox("N17")
    assert [row.recipient for row in mailed] == [ANA[1]] * 3, "three an hour, to the stored address"
    assert _ana(portal).password is None  # type: ignore[attr-defined]
    assert browser.get("/profile").status_code == 303, "the link signs nobody in"
    assert fill(portal.visit(), _path(portal, "N17"), name="Ana", password=SECRET, again=SECRET).status_code == 303
    assert "Criar senha" not in words(browser.get("/tickets/SUP-1").text)
    assert browser.post(path, data={"token": token}).status_code == 404
    assert "Criar senha" not in words(portal.opened("SUP-1", BRUNO[1]).get("/tickets/SUP-1").text)
