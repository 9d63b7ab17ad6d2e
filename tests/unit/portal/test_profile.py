"""A person's own page: data, number, address, password, notices, devices; the first steps; and who may do what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mailgate.people import passwords
from store import people
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail
from tests.unit.portal.accounts import OTHER, SECRET, ana, change, fill, link_of, sign_in, wait_for, with_ana
from tests.unit.portal.conftest import Portal, form_fields, words

NUMBER, NEW = "+5548999990000", "ana.nova@cliente.test"


@pytest.fixture
def known(portal: Portal, quick: None) -> Portal:
    """A portal where Ana has a ticket and a password."""
    return with_ana(portal)


@pytest.fixture
def told(make_portal: Callable[..., Portal], tmp_path: Path, quick: None) -> Portal:
    """The same, where short messages can be sent."""
    url = tmp_path / "whatsapp.url"
    url.write_text("json://127.0.0.1:9/{number}\n", encoding="utf-8")
    return with_ana(make_portal(preset="provedor", channels={"whatsapp": {"url_file": str(url)}}))


def send(browser: httpx.Client, path: str, **fields: Any) -> httpx.Response:
    """Send one of the forms of the profile."""
    token = form_fields(browser.get("/profile").text)["token"]
    return browser.post(path, data={"token": token, **fields})


def code_of(portal: Portal) -> str:
    """The code in the newest short message."""
    row = [one for one in portal.house.outbox("N18") if one.channel == "whatsapp"][-1]
    body = json.loads(row.body)
    code = portal.house.site.mint.code(body["code_id"], "number")
    assert code not in row.body
    return code


def test_name_language_zone_and_telephone(known: Portal) -> None:
    browser = known.signed_in()
    before = known.state()
    page = browser.get("/profile")
    assert page.status_code == 200
    assert known.state() == before
    assert "São Paulo" in words(page.text)
    done = send(
        browser, "/profile", name=" Ana  Maria\tSouza ", language="en", timezone="Europe/Lisbon", phone="(48) 3333-0000"
    )  # fmt: skip
    assert done.headers["location"] == "/profile?said=saved"
    row = ana(known)
    assert (row.name, row.language, row.timezone, row.phone) == (
        "Ana Maria Souza", "en", "Europe/Lisbon", "(48) 3333-0000",
    )  # fmt: skip
    page = browser.get("/profile?said=saved")
    assert "Saved." in words(page.text)
    assert page.headers["content-language"] == "en"
    assert "(GMT)" in words(page.text), "instants are shown by her own clock"
    send(browser, "/profile", name="", language="xx", timezone="Nowhere/Land", phone="x" * 500)
    row = ana(known)
    assert (row.name, row.language, row.timezone, row.phone) == ("Ana Maria Souza", None, "", "x" * 40)


@pytest.mark.parametrize(
    "path",
    ["", "/whatsapp", "/whatsapp/code", "/address", "/password", "/notices", "/sessions/end", "/sessions/1/end",
     "/start"],
)  # fmt: skip
def test_each_form_wants_its_page_and_a_session(known: Portal, path: str) -> None:
    known.clock.advance(timedelta(minutes=11))
    browser, before = known.signed_in(), known.state()
    everything = {
        "name": "X", "number": NUMBER, "address": NEW, "password": OTHER, "again": OTHER, "current": SECRET,
        "mail": "all",
    }  # fmt: skip
    url = f"/profile{path}"
    assert browser.post(url, data=everything).status_code == 403
    good = {**everything, "token": form_fields(browser.get("/profile").text)["token"]}
    assert browser.post(url, data=good, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert known.visit().post(url, data=good).headers["location"] == "/login"
    assert known.signed_in(BRUNO[1]).post(url, data=good).status_code == 403, "another session's token"
    portal_state = known.state()
    assert before != portal_state, "two more sessions, and nothing else"
    assert (ana(known).name, ana(known).address, ana(known).whatsapp) == (ANA[0], ANA[1], "")


def test_agents_have_their_devices_and_nothing_else(known: Portal) -> None:
    browser = known.signed_in(BRUNO[1])
    page = browser.get("/profile")
    assert page.status_code == 200
    assert "Senha atual" not in page.text
    assert 'name="phone"' not in page.text
    for path, fields in (
        ("/profile", {"name": "Chefe"}), ("/profile/whatsapp", {"number": NUMBER}),
        ("/profile/address", {"address": NEW}),
        ("/profile/password", {"password": OTHER, "again": OTHER}), ("/profile/notices", {"mail": "all"}),
        ("/profile/start", {"skip": "yes"}),
    ):  # fmt: skip
        assert send(browser, path, **fields).status_code == 404
    assert browser.get("/profile/start").status_code == 404
    assert send(browser, "/profile/sessions/end").headers["location"] == "/login?out"
    assert browser.get("/profile").status_code == 303


# --- the number -------------------------------------------------------------------------------------------------------


def test_a_number_is_hers_once_the_code_came_back(told: Portal) -> None:
    browser = told.signed_in()
    assert send(browser, "/profile/whatsapp", number="99999-0000").status_code == 422
    assert (
        send(browser, "/profile/whatsapp", number="+55 (48) 99999-0000")
        .headers["location"]
        .startswith("/profile?said=code")
    )
    assert ana(told).whatsapp == "", "not yet"
    assert NUMBER in words(browser.get("/profile").text)
    code = code_of(told)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    refused = send(browser, "/profile/whatsapp/code", code=wrong)
    assert refused.status_code == 422
    assert "não confere" in words(refused.text)
    stranger = told.signed_in(BRUNO[1])
    assert send(stranger, "/profile/whatsapp/code", code=code).status_code == 404
    assert send(browser, "/profile/whatsapp/code", code=f"{code[:3]} {code[3:]}").status_code == 303
    assert ana(told).whatsapp == NUMBER
    assert ana(told).whatsapp_verified_at is not None
    assert send(browser, "/profile/whatsapp/code", code=code).status_code == 422, "once"
    send(browser, "/profile/whatsapp", number="")
    assert (ana(told).whatsapp, ana(told).whatsapp_verified_at) == ("", None)


def test_codes_are_not_guessed(told: Portal) -> None:
    browser = told.signed_in()
    send(browser, "/profile/whatsapp", number=NUMBER)
    first = code_of(told)
    for n in range(5):
        send(browser, "/profile/whatsapp/code", code=f"{(int(first) + 1 + n) % 1_000_000:06}")
    assert send(browser, "/profile/whatsapp/code", code=first).status_code == 422, "after five tries it is spent"
    send(browser, "/profile/whatsapp", number=NUMBER)
    second = code_of(told)
    send(browser, "/profile/whatsapp", number="+5548999990001")
    assert send(browser, "/profile/whatsapp/code", code=second).status_code == 422, "a new one takes its place"
    assert send(browser, "/profile/whatsapp", number=NUMBER).status_code == 429, "three an hour"
    late = code_of(told)
    told.clock.advance(timedelta(minutes=11))
    assert send(browser, "/profile/whatsapp/code", code=late).status_code == 422
    assert ana(told).whatsapp == ""


def test_another_number_leaves_the_old_one_until_it_is_proven(told: Portal) -> None:
    change(told, whatsapp=NUMBER, whatsapp_verified_at=told.clock())
    browser = told.signed_in()
    send(browser, "/profile/whatsapp", number="+5548999990001")
    assert ana(told).whatsapp == NUMBER
    send(browser, "/profile/whatsapp/code", code=code_of(told))
    assert ana(told).whatsapp == "+5548999990001"


def test_without_a_provider_a_number_is_kept_unproven(known: Portal) -> None:
    change(known, whatsapp=NUMBER, whatsapp_verified_at=known.clock())
    browser = known.signed_in()
    send(browser, "/profile/whatsapp", number="+55 48 99999-0001")
    assert (ana(known).whatsapp, ana(known).whatsapp_verified_at) == ("+5548999990001", None)
    assert "Não confirmado" in words(browser.get("/profile").text)


def test_many_accounts_plague_no_number_and_no_address(told: Portal) -> None:
    """Three an hour go to one number, or address, of somebody who asked for none, whoever types it."""
    for n in range(3):
        person = (f"P{n}", f"p{n}@cliente.test")
        told.house.receive(plain_mail(person, SUPPORT, f"Olá {n}", "Olá."))
        browser = told.signed_in(person[1])
        for _ in range(2):
            send(browser, "/profile/whatsapp", number=NUMBER)
            send(browser, "/profile/address", address=NEW)
    sent = [row.channel for row in told.house.outbox("N18")]
    assert (sent.count("whatsapp"), sent.count("mail")) == (3, 3)
    assert {row.recipient for row in told.house.outbox("N18")} == {NUMBER, NEW}


# --- address and password ---------------------------------------------------------------------------------------------


def test_another_address_is_confirmed_there_and_told_to_the_old_one(known: Portal) -> None:
    browser = known.signed_in()
    assert send(browser, "/profile/address", address=NEW).status_code == 303
    (asked,) = known.house.outbox("N18")
    (warned,) = known.house.outbox("ACCOUNT")
    assert (asked.recipient, warned.recipient) == (NEW, ANA[1])
    link, other = link_of(known, "N18"), known.visit()
    before = known.state()
    assert NEW in words(other.get(link).text)
    assert other.head(link).status_code == 200
    assert other.post(link).status_code == 403
    assert known.state() == before
    assert ana(known).address == ANA[1]
    assert fill(other, link).status_code == 200
    row = ana(known, NEW)
    assert row.id == known.house.ticket("SUP-1").requester_id
    assert known.house.outbox("ACCOUNT")[-1].recipient == ANA[1], "the old one is told that it is done"
    assert other.get(link).status_code == 410
    assert sign_in(known.visit(), ANA[1]).status_code == 422
    assert sign_in(known.visit(), NEW).status_code == 303


def test_an_address_that_an_intruder_asked_for_is_none_once_the_password_changed(known: Portal) -> None:
    send(known.signed_in(), "/profile/address", address=NEW)
    theirs = known.visit()
    fields = form_fields(theirs.get(link_of(known, "N18")).text)
    fill(known.visit(), "/forgotten", address=ANA[1])
    wait_for(known, "N3")
    assert fill(known.visit(), link_of(known, "N3"), password=OTHER, again=OTHER).status_code == 303
    assert theirs.post(link_of(known, "N18"), data=fields).status_code == 410
    assert ana(known).address == ANA[1]


def test_an_address_of_somebody_else_or_of_ours_is_not_taken_and_not_told(known: Portal) -> None:
    known.house.receive(plain_mail(CARMEN, SUPPORT, "Hola", "Hola."))
    browser, answers = known.signed_in(), set()
    for address in (CARMEN[1], SUPPORT, BRUNO[1], ANA[1], "a@b@c", NEW):
        done = send(browser, "/profile/address", address=address)
        answers.add((done.status_code, done.headers["location"]))
    assert len(answers) == 1
    assert [row.recipient for row in known.house.outbox("N18")] == [NEW]
    link = link_of(known, "N18")
    known.house.receive(plain_mail(("Outra", NEW), SUPPORT, "Olá", "Olá."))
    assert fill(known.visit(), link).status_code == 410, "meanwhile it is somebody's"
    assert ana(known).address == ANA[1]


def test_what_could_lock_her_out_wants_the_password_or_a_new_sign_in(known: Portal) -> None:
    browser = known.signed_in()
    known.clock.advance(timedelta(minutes=11))
    for current in ("", OTHER):
        assert send(browser, "/profile/address", address=NEW, current=current).status_code == 422
        assert send(browser, "/profile/password", password=OTHER, again=OTHER, current=current).status_code == 422
    assert known.house.outbox("N18") == []
    assert passwords.matches(SECRET, ana(known).password)
    assert send(browser, "/profile/address", address=NEW, current=SECRET).status_code == 303
    change(known, password=None)
    assert send(browser, "/profile/password", password=OTHER, again=OTHER).status_code == 422
    known.clock.advance(timedelta(hours=12))


def test_tries_of_the_current_password_are_bounded_too(known: Portal) -> None:
    browser = known.signed_in()
    known.clock.advance(timedelta(minutes=11))
    said = [
        words(send(browser, "/profile/password", password=OTHER, again=OTHER, current=f"errada {n} 123").text)
        for n in range(11)
    ]
    assert "A senha atual não confere" in said[9]
    assert "Foram muitas tentativas" in said[10]


def test_a_new_password_signs_the_other_devices_out(known: Portal) -> None:
    browser, phone = known.signed_in(), known.signed_in()
    assert send(browser, "/profile/password", password="curta", again="curta").status_code == 422
    assert send(browser, "/profile/password", password=OTHER, again=SECRET).status_code == 422
    assert send(browser, "/profile/password", password=OTHER, again=OTHER).status_code == 303
    assert browser.get("/profile").status_code == 200
    assert phone.get("/profile").status_code == 303
    assert passwords.matches(OTHER, ana(known).password)
    assert known.house.outbox("ACCOUNT")[-1].recipient == ANA[1]


# --- notices ----------------------------------------------------------------------------------------------------------


def test_who_wants_answers_only_gets_no_mail_about_a_status(known: Portal) -> None:
    browser = known.signed_in()
    assert send(browser, "/profile/notices", mail="answers").status_code == 303
    known.house.agent_answers("SUP-1", "Já olhamos.")
    assert [row.recipient for row in known.house.outbox("N5")] == [ANA[1]]
    send(browser, "/profile/notices", mail="all")
    known.house.agent_answers("SUP-1", "#dev")
    assert [row.recipient for row in known.house.outbox("N6")] == [ANA[1]]
    send(browser, "/profile/notices", mail="answers")
    known.house.agent_answers("SUP-1", "#cliente")
    assert len(known.house.outbox("N6")) == 1
    assert known.house.ticket("SUP-1").status == "com_cliente"
    send(browser, "/profile/notices", mail="needed")
    known.house.agent_answers("SUP-1", "Ainda não.")
    assert len(known.house.outbox("N5")) == 1
    send(browser, "/profile/notices", mail="nonsense")
    known.house.agent_answers("SUP-1", "Agora sim.")
    assert len(known.house.outbox("N5")) == 2, "no choice is everything"


def test_the_moments_of_whatsapp(told: Portal) -> None:
    change(told, whatsapp=NUMBER)

    def messages() -> int:
        return len([one for one in told.house.outbox() if one.channel == "whatsapp"])

    browser, before = told.signed_in(), messages()
    told.house.agent_answers("SUP-1", "Já olhamos.")
    assert messages() == before + 1
    assert send(browser, "/profile/notices", mail="all", whatsapp=["opened", "closed", "x"]).status_code == 303
    told.house.agent_answers("SUP-1", "Ainda olhamos.")
    assert messages() == before + 1
    assert ana(told).preferences["whatsapp"] == ["opened", "closed"]


def test_choices_leave_other_choices_alone(known: Portal) -> None:
    change(known, preferences={"columns": ["key"], "started": True})
    send(known.signed_in(), "/profile/notices", mail="answers")
    stored = ana(known).preferences
    assert (stored["columns"], stored["started"], stored["mail"], stored["digests"]) == (["key"], True, "answers", True)


def test_the_digest_is_a_managers_choice(known: Portal) -> None:
    assert 'name="digests"' not in known.signed_in().get("/profile").text
    change(known, role="manager")
    browser = known.signed_in()
    assert 'name="digests"' in browser.get("/profile").text
    send(browser, "/profile/notices", mail="all", has_digests="1")
    assert ana(known).preferences["digests"] is False


# --- devices, first steps ---------------------------------------------------------------------------------------------


def test_devices_are_listed_and_ended_one_by_one_and_all_at_once(known: Portal) -> None:
    known.house.receive(plain_mail(CARMEN, SUPPORT, "Hola", "Hola."))
    browser, phone, carmen = known.signed_in(), known.signed_in(), known.signed_in(CARMEN[1])
    page = browser.get("/profile").text
    assert words(page).count("Firefox") == 2
    assert "127.0.0.x" in page
    ids = re.findall(r"/profile/sessions/(\d+)/end", page)
    foreign = re.findall(r"/profile/sessions/(\d+)/end", carmen.get("/profile").text)[0]
    for one in (foreign, "1", "9" * 30):
        assert send(browser, f"/profile/sessions/{one}/end").status_code == 404
    assert carmen.get("/profile").status_code == 200
    assert send(phone, f"/profile/sessions/{ids[1]}/end").headers["location"] == "/profile?said=ended#devices"
    assert [one.get("/profile").status_code for one in (browser, phone)] == [303, 200]
    third = known.signed_in()
    assert send(phone, "/profile/sessions/end").headers["location"] == "/login?out"
    assert [one.get("/profile").status_code for one in (phone, third)] == [303, 303]


def test_the_first_steps_are_shown_once(told: Portal) -> None:
    change(told, preferences={})
    browser = told.visit()
    assert sign_in(browser).headers["location"] == "/profile/start"
    before = told.state()
    page = browser.get("/profile/start")
    assert "Confira os seus dados" in words(page.text)
    assert "/organisation" not in re.sub(r"<nav.*?</nav>", "", page.text, flags=re.DOTALL)
    assert told.state() == before
    wrong = fill(browser, "/profile/start", name="Ana", number="12")
    assert wrong.status_code == 422
    done = fill(browser, "/profile/start", name="Ana Maria Souza", language="pt-BR", phone="1", number=NUMBER)
    assert done.headers["location"] == "/profile?said=code#whatsapp"
    assert ana(told).name == "Ana Maria Souza"
    assert sign_in(told.visit()).headers["location"] == "/"


def test_who_administers_contacts_is_shown_where(known: Portal) -> None:
    change(known, role="master", preferences={})
    browser = known.signed_in()
    page = browser.get("/profile/start").text
    assert "Incluir contatos" in words(page)
    assert fill(browser, "/profile/start", skip="yes").headers["location"] == "/"
    assert ana(known).preferences["started"] is True
    wanted = known.visit()
    change(known, preferences={})
    fields = form_fields(wanted.get("/login", params={"next": "/tickets/SUP-1"}).text)
    done = wanted.post("/login", data={**fields, "address": ANA[1], "password": SECRET})
    assert done.headers["location"] == "/tickets/SUP-1", "nothing stands in the way of a ticket"


def test_the_account_on_both_databases(make_portal: Callable[..., Portal], house_url: str, quick: None) -> None:
    portal = with_ana(make_portal(url=house_url))
    browser = portal.signed_in()
    send(browser, "/profile", name="Ana Maria", language="es", timezone="", phone="")
    send(browser, "/profile/notices", mail="answers")
    send(browser, "/profile/address", address=NEW)
    wait_for(portal, "N18")
    assert fill(portal.visit(), link_of(portal, "N18")).status_code == 200
    with portal.house.site.writer.database.read() as connection:
        row = people.contact_by_address(connection, NEW)
    assert row is not None
    assert (row.name, row.language, row.preferences["mail"]) == ("Ana Maria", "es", "answers")
