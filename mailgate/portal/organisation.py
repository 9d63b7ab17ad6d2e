"""The people of a customer's organisation, for who administers them: listed, added, changed, invited again.

What may be given to whom is decided by `flows.contacts`; the pages offer no more than that.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.errors import TooMany
from mailgate.flows import contacts
from mailgate.flows.contacts import Refused, Wanted
from mailgate.people.roles import PERMISSIONS, ROLES, may_grant, permissions
from mailgate.people.visibility import sees_as_far
from mailgate.portal import members
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages, row_id
from mailgate.portal.visitor import Visitor
from store import people

_PAGE, _HOUR = 50, 3600


def look(request: Request) -> Response:
    """GET /organisation: the people, fifty a page, found by a part of name or address."""
    desk = desk_of(request)
    wanted = request.query_params.get("q", "").replace("\0", "").strip()[:100]
    number = request.query_params.get("page", "1")
    page = max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 6 else 1
    with desk.site.writer.database.read() as connection:
        visitor = _administrator(desk, connection, request)
        organisation_id = _organisation_id(visitor)
        rows = people.of_organisation(connection, organisation_id, wanted, _PAGE + 1, (page - 1) * _PAGE)
        count = people.count_of_organisation(connection, organisation_id)
        branches = [one for one in people.branches(connection, [organisation_id]) if one.active]
        awaited = contacts.awaited(connection, desk.site, organisation_id) if page == 1 and not wanted else []
    return desk.page(
        request, "organisation.html", visitor=visitor, here="people", people=rows[:_PAGE], more=len(rows) > _PAGE,
        page=page, awaited=awaited, wanted=wanted, count=count, branches=branches, done=_done(request),
        rights={one.id: permissions(one.role, one.may) for one in rows},
    )  # fmt: skip


def new(request: Request) -> Response:
    """GET /organisation/people: the form for one more person."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = _administrator(desk, connection, request)
        return _form(desk, request, connection, visitor, None)


def person(request: Request) -> Response:
    """GET /organisation/people/{id}: one person's role and permissions."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = _administrator(desk, connection, request)
        found = contacts.member_of(connection, _contact(visitor), row_id(request))
        return _form(desk, request, connection, visitor, found)


async def add(request: Request) -> Response:
    """POST /organisation/people: the person is added and gets an invitation."""
    desk, visitor, form = await _posted(request)
    wanted, address = _wanted(form, active=True), first(form.getlist("address"))[:320]
    try:
        await run_in_threadpool(contacts.add, desk.site, _contact(visitor).id, address, wanted, desk.limits.resets)
    except TooMany:
        raise _later(_HOUR) from None
    except Refused as refused:
        return await run_in_threadpool(_again, desk, request, visitor, None, form, refused.why)
    return desk.go("/organisation?done=added")


async def change(request: Request) -> Response:
    """POST /organisation/people/{id}: name, role, permissions, branch; switched off or on."""
    desk, visitor, form = await _posted(request)
    wanted = _wanted(form, active="active" in form)
    try:
        await run_in_threadpool(contacts.change, desk.site, _contact(visitor).id, row_id(request), wanted)
    except Refused as refused:
        return await run_in_threadpool(_again, desk, request, visitor, row_id(request), form, refused.why)
    return desk.go("/organisation?done=changed")


async def invite(request: Request) -> Response:
    """POST /organisation/people/{id}/invite: the invitation once more."""
    desk, visitor, _ = await _posted(request)
    try:
        await run_in_threadpool(
            contacts.invite_again, desk.site, _contact(visitor).id, row_id(request), desk.limits.resets
        )
    except TooMany:
        raise _later(_HOUR) from None
    except Refused:
        raise HTTPException(404) from None
    return desk.go("/organisation?done=invited")


def branches(request: Request) -> Response:
    """GET /organisation/branches: the branches of the organisation and how many people each has."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = _administrator(desk, connection, request)
        rows = people.branches(connection, [_organisation_id(visitor)])
        count = people.count_of_organisation(connection, _organisation_id(visitor))
        heads = people.heads_of_branches(connection, _organisation_id(visitor))
    return desk.page(
        request, "branches.html", visitor=visitor, here="people", branches=rows, heads=heads, count=count
    )  # fmt: skip


# --- parts -----------------------------------------------------------------------------------------------------------


def _administrator(desk: Desk, connection: Connection, request: Request) -> Visitor:
    found = members.member(desk, connection, request, permission="contacts")
    if _contact(found).organisation_id is None:
        raise HTTPException(404)
    return found


async def _posted(request: Request) -> tuple[Desk, Visitor, FormData]:
    """Who sent the form, and what is in it."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    visitor = await run_in_threadpool(_who, desk, request)
    form = await request.form(max_files=0, max_fields=30, max_part_size=4096)
    members.check_form(desk, request, visitor, form)
    wait = desk.asks.count(f"people {_contact(visitor).id}", desk.site.clock())  # not of a session: they are easily had
    if wait:  # else one who administers could ask for every address of the world whether it is known
        raise _later(wait)
    return desk, visitor, form


def _later(seconds: int) -> HTTPException:
    return HTTPException(429, headers={"Retry-After": str(seconds)})


def _who(desk: Desk, request: Request) -> Visitor:
    with desk.site.writer.database.read() as connection:
        return _administrator(desk, connection, request)


def _again(
    desk: Desk, request: Request, visitor: Visitor, contact_id: int | None, form: FormData, why: str
) -> Response:
    with desk.site.writer.database.read() as connection:
        found = None if contact_id is None else contacts.member_of(connection, _contact(visitor), contact_id)
        return _form(desk, request, connection, visitor, found, form=form, error=why)


def _form(
    desk: Desk, request: Request, connection: Connection, visitor: Visitor, found: Row[Any] | None,
    *, form: FormData | None = None, error: str = "",
) -> Response:  # fmt: skip
    own = visitor.may
    wanted = _wanted(form, active="active" in form) if form is not None else None
    role = wanted.role if wanted else found.role if found is not None else "light"
    may = wanted.may if wanted else None if found is None else found.may
    scopes, giver = desk.site.book().scopes, _contact(visitor).role
    roles = [one for one in ROLES if may_grant(own, one, None) and sees_as_far(giver, one, scopes)]
    if role in ROLES and role not in roles:
        roles.append(role)  # a person's own, shown though it cannot be given
    return desk.page(
        request, "person.html", status=422 if error else 200, visitor=visitor, here="people", found=found,
        address=first(form.getlist("address"))[:320] if form is not None else "",
        name=wanted.name if wanted else found.name if found is not None else "",
        role=role, roles=roles, may=permissions(role, may), as_role=may is None, all_may=PERMISSIONS,
        grantable=own, branch_id=wanted.branch_id if wanted else found.branch_id if found is not None else None,
        active=wanted.active if wanted else found is None or found.active, error=error,
        is_self=found is not None and found.id == _contact(visitor).id,
        fixed=found is not None and not may_grant(own, found.role, found.may),
        branches=[b for b in people.branches(connection, [_organisation_id(visitor)]) if b.active],
    )  # fmt: skip


def _wanted(form: FormData, *, active: bool) -> Wanted:
    """What a form asks for, as values; whether it may be is decided elsewhere."""
    branch = first(form.getlist("branch"))
    name = " ".join(first(form.getlist("name")).replace("\0", "").split())[:120]
    chosen = tuple(str(one) for one in form.getlist("may"))
    may = None if first(form.getlist("as_role")) else tuple(p for p in PERMISSIONS if p in chosen)
    branch_id = int(branch) if branch.isascii() and branch.isdigit() and len(branch) < 20 else None
    return Wanted(name, first(form.getlist("role"))[:40], may, branch_id, active)


def _contact(visitor: Visitor) -> Row[Any]:
    assert visitor.contact is not None
    return visitor.contact


def _organisation_id(visitor: Visitor) -> int:
    found: int = _contact(visitor).organisation_id
    return found


def _done(request: Request) -> str:
    """What was just done, as the address says it; nothing else is believed of it."""
    found = request.query_params.get("done", "")
    return found if found in ("added", "changed", "invited") else ""


ROUTES = [
    Route("/organisation", look),
    Route("/organisation/people", new),
    Route("/organisation/people", add, methods=["POST"]),
    Route("/organisation/people/{id:int}", person),
    Route("/organisation/people/{id:int}", change, methods=["POST"]),
    Route("/organisation/people/{id:int}/invite", invite, methods=["POST"]),
    Route("/organisation/branches", branches),
]
