"""Who visits: a person who signed in, or nobody in particular. What he may do is read anew at each request.

A page of an account asks `member` or `staff` and goes on only for its person; everybody else is sent to sign in and
comes back afterwards. Links open single tickets without an account: that is `access`.
"""

from __future__ import annotations

from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailgate.flows import listing, sessions
from mailgate.flows.sessions import Person, SignedIn
from mailgate.people.roles import permissions
from mailgate.portal.desk import Desk, desk_of, first
from mailgate.portal.visitor import Visitor
from store import people


class NotSignedIn(Exception):
    """The page is for people who signed in."""


def visitor(desk: Desk, connection: Connection, request: Request) -> Visitor | None:
    """The person whose session this browser has; None for nobody. Reads only."""
    token = desk.cookies.session(request)
    found = sessions.find(connection, desk.site, token) if token else None
    return _visitor(desk, connection, found) if found is not None else None


def _visitor(desk: Desk, connection: Connection, found: SignedIn) -> Visitor | None:
    agent, contact = found.person.agent, found.person.contact
    if agent is not None:
        return Visitor(
            found.session_id, found.expires_at, Person(agent=agent), agent.name, agent.address, agent.language,
            began_at=found.began_at,
        )  # fmt: skip
    if contact is None:
        return None
    organisation = people.organisation(connection, contact.organisation_id)
    return Visitor(
        found.session_id, found.expires_at, found.person, contact.name, contact.address, contact.language,
        permissions(contact.role, contact.may),
        organisation.name if organisation is not None else "",
        organisation.network if organisation is not None else "",
        zone=contact.timezone, began_at=found.began_at,
        tickets=desk.remembered.get(
            ("menu", contact.id, contact.role, contact.organisation_id, contact.branch_id), desk.site.clock(),
            lambda: listing.menu_count(connection, desk.site, contact),
        ),
    )  # fmt: skip


def signed_in(desk: Desk, connection: Connection, request: Request) -> Visitor:
    """Whoever signed in. Raises NotSignedIn; 429 beyond the rate of one session."""
    found = visitor(desk, connection, request)
    if found is None:
        raise NotSignedIn
    wait = desk.by_link.count(f"session {found.session_id}", desk.site.clock())
    if wait:
        raise HTTPException(429, headers={"Retry-After": str(wait)})
    return found


def member(desk: Desk, connection: Connection, request: Request, *, permission: str = "") -> Visitor:
    """A contact who signed in, and has the permission where one is named.

    Raises NotSignedIn; HTTPException 404 for an agent, and for whoever lacks the permission: the page is not there.
    """
    found = signed_in(desk, connection, request)
    if found.contact is None or (permission and permission not in found.may):
        raise HTTPException(404)
    return found


def staff(desk: Desk, connection: Connection, request: Request) -> Visitor:
    """An agent who signed in. Raises NotSignedIn; HTTPException 404 for everybody else."""
    found = signed_in(desk, connection, request)
    if not found.is_agent:
        raise HTTPException(404)
    return found


def check_form(desk: Desk, request: Request, person: Visitor, form: FormData) -> None:
    """Refuse (403) a form that did not come from a page of this session."""
    if not desk.cookies.is_form_token(desk.cookies.read(request), person.session_id, first(form.getlist("token"))):
        raise HTTPException(403)


async def to_sign_in(request: Request, error: Exception) -> Response:
    """Whoever has to sign in does so, and comes back to where he wanted to go."""
    assert isinstance(error, NotSignedIn)
    desk = desk_of(request)
    back = request.url.path if request.method == "GET" else "/"
    query = request.url.query if request.method == "GET" else ""
    wanted = f"{back}?{query}" if query else back
    root = desk.pages.root
    return RedirectResponse(f"{root}/login?{urlencode({'next': wanted})}" if wanted != "/" else f"{root}/login", 303)


def local_path(wanted: str) -> str:
    """A path of ours that may be gone to after signing in; "/" for everything else (no open redirect)."""
    plain = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and len(wanted) <= 2000
    printable = all(32 < ord(letter) < 127 for letter in wanted)
    return wanted if plain and printable and not wanted.startswith(("/login", "/logout")) else "/"
