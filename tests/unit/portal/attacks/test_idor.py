"""Whose is it? Everything of Olga's, tried by everybody else under every address that there is (T10, T15, T16, I5).

What is somebody else's answers exactly as what does not exist: same status, same words, same headers.
"""

from __future__ import annotations

import re

import httpx
import pytest

from tests.unit.portal.attacks.town import (
    GHOST_ID,
    GHOST_KEY,
    SECRET,
    Town,
    methods_of,
    params,
    path_of,
    victims,
)

#: Everybody who has no right to anything of Olga's. Agents have.
STRANGERS = ("nobody", "link", "agents link", "ana", "lia", "tito", "eva", "elza")
_FLEETING = {"date", "content-length", "set-cookie", "location"}


def seen(answer: httpx.Response) -> tuple[object, ...]:
    """An answer without what it repeats of the question."""
    words = re.sub(r'name="(token|number)" value="[^"]+"', "", answer.text)
    headers = {name: value for name, value in answer.headers.items() if name not in _FLEETING}
    where = re.sub(r"SUP-\d+|\d+|x$|folha\.txt$", "…", answer.headers.get("location", ""))
    return answer.status_code, words, tuple(sorted(headers.items())), where


@pytest.mark.parametrize("who", STRANGERS)
def test_what_is_somebody_elses_is_not_there(town: Town, who: str) -> None:
    """GET, HEAD and POST (with the right form token of his own) of all routes."""
    before = town.portal.state()
    token = town.token(who) if who in ("ana", "lia", "tito") else "x"
    tried, ghosts = 0, {}
    for route in town.routes:
        for real, ghost in victims(route, town):
            for method in sorted(methods_of(route)):
                data = {"token": token, "text": "oi", "do": "release"} if method == "POST" else None
                answer = town.ask(who, method, real, data=data)
                if (method, ghost) not in ghosts:
                    ghosts[method, ghost] = seen(town.ask(who, method, ghost, data=data))
                assert answer.status_code in (303, 403, 404), (who, method, real, answer.status_code)
                assert seen(answer) == ghosts[method, ghost], (who, method, real)
                if answer.status_code == 303:
                    assert answer.headers["location"].startswith("/login"), (who, method, real)
                tried += 1
    assert tried > 40
    assert town.portal.state() == before


@pytest.mark.parametrize("who", STRANGERS)
def test_no_page_of_theirs_says_a_word_of_hers(town: Town, who: str) -> None:
    """Lists, statistics, CSV, searches, whatever is asked for by its address."""
    ids = "&".join(f"{name.split()[0]}_id={one}" for name, one in town.olgas.items())
    queries = (
        f"?{ids}&user={town.olgas['contact']}", "?q=SUP-1", "?q=secreta&scope=all&tab=all", "?key=SUP-1",
        "?scope=shared&all=1", "?tab=held",
    )  # fmt: skip
    for route in town.routes:
        if params(route) or "GET" not in methods_of(route):
            continue
        for query in queries:
            page = town.ask(who, "GET", route.path + query)
            for word in ("Olga", "outra.test", SECRET, "Roteiro interno"):
                assert word.lower() not in page.text.lower(), (who, route.path, query)


@pytest.mark.parametrize("who", STRANGERS)
def test_articles_that_are_not_for_him_are_not_there(town: Town, who: str) -> None:
    real, ghost = "/knowledge/interno", "/knowledge/nao-existe"
    answers = [town.ask(who, "GET", path) for path in (real, ghost)]
    assert seen(answers[0])[:2] == seen(answers[1])[:2]
    for path in ("/knowledge?q=Segredo", "/knowledge/suggest?q=Roteiro interno segredo", "/knowledge?section="):
        assert "Roteiro interno" not in town.ask(who, "GET", path).text


def test_who_left_is_nobody(town: Town) -> None:
    """An ex-contact's and an ex-agent's session, and their links (I5): the rights are read at each request."""
    for who in ("eva", "elza"):
        for path in ("/organisation", "/organisation/people", "/statistics", "/statistics.csv"):
            answer = town.ask(who, "GET", path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), (who, path)


def test_the_town_has_what_is_attacked(town: Town) -> None:
    """Olga and an agent do see what the others do not: else nothing above would mean anything."""
    comment = next(one for name, one in town.olgas.items() if name.startswith("comment comment"))
    file = town.olgas["file 0"]
    for who in ("olga", "bruno"):
        assert SECRET in town.ask(who, "GET", "/tickets/SUP-1").text
        assert town.ask(who, "GET", f"/tickets/SUP-1/comments/{comment}").status_code == 200
    assert town.ask("olga", "GET", f"/tickets/SUP-1/files/{file}/x").status_code == 200
    assert town.ask("bruno", "GET", "/knowledge/interno").status_code == 200
    assert GHOST_ID not in town.olgas.values()
    assert town.ask("olga", "GET", f"/tickets/{GHOST_KEY}").status_code == 404
    assert town.ask("nobody", "GET", path_of(town.routes[0], {})).status_code == 200
