"""Every form of every page, sent from elsewhere, without its token, with another's, by a link alone: nothing is done
(T2, T4, T5)."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from mailgate.flows import sessions
from store import people
from tests.unit.portal.attacks.town import LIA, Town, methods_of, one_use_tokens, params, path_of
from tests.unit.portal.conftest import form_fields

#: Forms for everybody: what they do they do for whoever asks, and another site's page cannot send them.
FOR_EVERYBODY = {"/links", "/links/renew", "/logout", "/forgotten", "/enter", "/login", "/new"}
#: The mail client's own button, which has no page (RFC 8058 §3.2).
ONE_CLICK = "/stop/{token}"
TRICKS: dict[str, dict[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a site beside": {"Sec-Fetch-Site": "same-site"},
    "origin": {"Origin": "https://evil.test"},
    "origin with our name in it": {"Origin": "http://127.0.0.1.evil.test"},
    "another port": {"Origin": "http://127.0.0.1:1"},
}
NEW_PASSWORD = {"password": "uma senha bem comprida 9", "again": "uma senha bem comprida 9"}
#: Forms that would do something if only their token were right, by the first word of their address.
WORDS = {
    "organisation": {"name": "Mallory", "address": "mallory@cliente.test", "role": "light", "as_role": "yes"},
    "tickets": {"text": "oi", "do": "send", "on": "no", "visibility": "private"},
    "queue": {"do": "release"},
    "requests": {"column": "key", "do": "save"},
    "profile": {**NEW_PASSWORD, "number": "+5511999998888"},
    "invite": {**NEW_PASSWORD, "name": "Mallory"},
    "reset": NEW_PASSWORD,
    "rate": {"score": "5"},
    "new": {"subject": "x", "text": "x", "address": "mallory@cliente.test", "name": "Mallory"},
}  # fmt: skip


def fields(route: Route) -> dict[str, str]:
    return WORDS.get(route.path.split("/")[1], {})


def posts(town: Town) -> list[Route]:
    return [route for route in town.routes if "POST" in methods_of(route)]


def own_path(town: Town, route: Route, who: str, tokens: dict[str, str]) -> str:
    """The route with what this person may really act upon."""
    word = route.path.split("/")[1]
    ids = {"organisation": _contact_id(town, LIA[1]), "profile": _session_id(town, who), "queue": town.olgas["held"]}
    return path_of(
        route, {"key": "SUP-2", "id": ids.get(word, 1), "name": "x", "token": tokens.get(word, "x"), "slug": "publico"}
    )


def _contact_id(town: Town, address: str) -> int:
    with town.house.site.writer.database.read() as connection:
        found = people.contact_by_address(connection, address)
    assert found is not None
    return int(found.id)


def _session_id(town: Town, who: str) -> int:
    with town.house.site.writer.database.read() as connection:
        found = sessions.find(connection, town.house.site, town.browsers[who].cookies["mailgate-session"])
    assert found is not None
    return found.session_id


@pytest.mark.parametrize("who", ["ana", "bruno"])
def test_no_form_from_elsewhere_does_anything(town: Town, who: str) -> None:
    tokens = one_use_tokens(town)
    own = town.token(who)
    before = town.portal.state()
    for route in posts(town):
        path = own_path(town, route, who, tokens)
        for name, headers in TRICKS.items():
            if route.path == ONE_CLICK:
                continue
            answer = town.ask(who, "POST", path, headers=headers, data={**fields(route), "token": own})
            assert answer.status_code in (403, 404), (route.path, name, answer.status_code)
    assert town.portal.state() == before


@pytest.mark.parametrize("who", ["ana", "bruno", "lia"])
def test_no_form_without_its_own_token_does_anything(town: Town, who: str) -> None:
    tokens = one_use_tokens(town)
    other = town.token("olga")
    before = town.portal.state()
    for route in posts(town):
        if route.path in FOR_EVERYBODY - {"/logout"}:
            continue
        path = own_path(town, route, who, tokens)
        for token in ("", other, "0" * 32, "á" * 32, "\0"):
            answer = town.ask(who, "POST", path, data={**fields(route), "token": token})
            assert answer.status_code in (403, 404), (route.path, token, answer.status_code)
        assert town.ask(who, "POST", path).status_code in (403, 404), route.path
    assert town.portal.state() == before


def test_a_form_token_is_of_one_browser_and_one_session(town: Town) -> None:
    """Ana's own token from another browser of hers, and a link's token for the session's form."""
    second = town.portal.signed_in("ana@cliente.test")
    page = second.get("/knowledge").text
    token = re.findall(r'name="token" value="([^"]+)"', page)[0]
    by_link = form_fields(town.browsers["link"].get("/tickets/SUP-2").text)["token"]
    before = town.portal.state()
    for one in (token, by_link):
        assert (
            town.ask(
                "ana",
                "POST",
                "/organisation/people",
                data={"text": "oi", "name": "Mallory", "address": "m@cliente.test", "token": one},
            ).status_code
            == 403
        )
        assert (
            town.ask(
                "ana",
                "POST",
                "/tickets/SUP-2/comments",
                data={"text": "oi", "name": "Mallory", "address": "m@cliente.test", "token": one},
            ).status_code
            == 403
        )
    assert town.portal.state() == before


@pytest.mark.parametrize("who", ["link", "agents link", "nobody"])
def test_a_link_reads_and_answers_and_no_more(town: Town, who: str) -> None:
    """With the right token of its own page: pages of the account, other acts on the ticket, the queue (T2)."""
    page = town.browsers[who].get("/tickets/SUP-2")
    token = form_fields(page.text).get("token", "x") if page.status_code == 200 else "x"
    may = {"/tickets/{key}/comments", "/tickets/{key}/finish", "/tickets/{key}/bell"}
    # A note; `it was me` of the requester; a letter with a link for a password, to the stored address.
    may |= {"/tickets/{key}/answer", "/tickets/{key}/vouch", "/tickets/{key}/password"}
    before = town.portal.state()
    for route in posts(town):
        if route.path in FOR_EVERYBODY or "token" in params(route) or (route.path in may and who != "nobody"):
            continue
        values = {"key": "SUP-2", "id": town.olgas["held"], "name": "x"}
        answer = town.ask(who, "POST", path_of(route, values), data={**fields(route), "token": token})
        refused = answer.status_code in (403, 404, 409, 422)
        sent_away = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        assert refused or sent_away, (route.path, answer.status_code)
    assert town.portal.state() == before


def test_a_scanner_that_posts_to_every_address_of_a_mail(town: Town) -> None:
    """No page was seen, so no nonce and no cookie came with it (T4).

    All but one: an agent's own link sends his kept text by a POST and nothing else, as it was promised to programs.
    """
    tokens = one_use_tokens(town)
    before = town.portal.state()
    for route in posts(town):
        word = route.path.split("/")[1]
        if params(route) != ["token"] or word == "confirm":
            continue
        for body in ({}, fields(route), {"nonce": "x", "token": "x"}, {"List-Unsubscribe": "yes"}):
            answer = town.portal.visit().post(path_of(route, {"token": tokens.get(word, "x")}), data=body)
            assert answer.status_code in (403, 404, 422), (route.path, answer.status_code)
    assert town.portal.state() == before


def test_looking_at_every_address_changes_nothing(town: Town) -> None:
    """GET, HEAD and OPTIONS of every route, with live tokens, by everybody (T4)."""
    tokens = one_use_tokens(town)
    comment = next(one for name, one in town.olgas.items() if name.startswith("comment comment"))
    before = town.portal.state()
    for who in ("nobody", "link", "ana", "olga", "bruno"):
        for route in town.routes:
            word = route.path.split("/")[1]
            ids = {"tickets": comment, "queue": town.olgas["held"], "organisation": town.olgas["contact"]}
            values = {
                "key": "SUP-1" if who in ("olga", "bruno") else "SUP-2", "id": ids.get(word, 1), "name": "x",
                "token": tokens.get(word, "x"), "slug": "publico", "sha256": "a" * 64,
            }  # fmt: skip
            for method in ("GET", "HEAD", "OPTIONS"):
                town.ask(who, method, path_of(route, values))
    assert town.portal.state() == before
