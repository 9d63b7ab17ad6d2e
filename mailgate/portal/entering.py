"""What the pages by which somebody signs in share: forms before there is a session, and how the session begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mailgate.flows import sessions
from mailgate.flows.sessions import Came
from mailgate.mail.addresses import normalise
from mailgate.people import passwords, preferences
from mailgate.people.roles import LEADING
from mailgate.portal.browsers import browser_name, network
from mailgate.portal.cookies import Visit
from mailgate.portal.desk import Desk, asker, first, peer

#: So many wait for their password to be looked at; whoever comes then is asked to come again.
_MOST_WAITING = 40
_NO_LINK = 0
SMALL_FORM = {"max_files": 0, "max_fields": 20, "max_part_size": 4096}
_Made = TypeVar("_Made")


class Crowded(Exception):
    """More passwords wait to be looked at than the machine can do; a later try helps."""


def form_page(
    desk: Desk, request: Request, template: str, *, status: int = 200, headers: dict[str, str] | None = None,
    **context: Any,
) -> Response:  # fmt: skip
    """A page with a form for who is not signed in: the form's token is bound to a cookie of this browser's own."""
    visit = desk.cookies.read(request)
    known = visit if visit.number else Visit(visit.links, desk.site.ids.new())
    token = desk.cookies.form_token(known, _NO_LINK)
    answer = desk.page(request, template, status=status, headers=headers, form_token=token, **context)
    if known != visit:
        desk.cookies.write(answer, known)
    return answer


def is_from_form(desk: Desk, request: Request, form: FormData) -> bool:
    """Whether a form came from a page of this browser: else it was another site's, or the browser keeps no cookies."""
    return desk.cookies.is_form_token(desk.cookies.read(request), _NO_LINK, first(form.getlist("token")))


def secret(form: FormData, name: str) -> str:
    """A password as it was typed: spaces are part of it. One character more than may be, for who typed too many."""
    typed = next((one for one in form.getlist(name) if isinstance(one, str)), "")
    return typed[: passwords.LONGEST + 1]


def came(desk: Desk, request: Request) -> Came:
    """How this request's browser and network are shown to its person, and the session that it had."""
    browser = browser_name(request.headers.get("user-agent", ""))
    return Came(browser, network(peer(request)), desk.cookies.session(request))


def let_in(desk: Desk, token: str, path: str) -> Response:
    """On to a page of ours with the cookie of a session that was just begun.

    Whoever comes for nothing in particular sees the first steps the first time, and then, who leads, his organisation's
    tickets.
    """
    if path == "/":
        with desk.site.writer.database.read() as connection:
            found = sessions.find(connection, desk.site, token)
        contact = found.person.contact if found is not None else None
        if contact is not None and not preferences.read(contact.preferences).started:
            path = "/profile/start"
        elif contact is not None and contact.role in LEADING:
            path = "/requests"
    answer = desk.go(path)
    desk.cookies.write_session(answer, token)
    return answer


async def slowly(desk: Desk, work: Callable[[], _Made]) -> _Made:
    """Do what hashes a password, few at a time, for each takes 64 MiB. Raises Crowded."""
    if desk.hashing.statistics().tasks_waiting >= _MOST_WAITING:
        raise Crowded
    return await anyio.to_thread.run_sync(work, limiter=desk.hashing)


def attempt(desk: Desk, request: Request, address: str) -> tuple[int, Callable[[], None]]:
    """Count a try to sign in, for the account and for the peer: seconds to wait, and what takes the count back.

    It is counted before the password is looked at, so that tries at the same moment are bounded too.
    """
    now = desk.site.clock()
    keys = (f"peer {asker(request)}", f"account {normalise(address[:320]).casefold()}")  # however it is spelt
    wait = max(desk.logins.wait(key, now) for key in keys)
    if wait:
        return wait, lambda: None
    for key in keys:
        wait = max(wait, desk.logins.count(key, now))

    def forgive() -> None:
        for key in keys:
            desk.logins.give_back(key)

    return wait, forgive
