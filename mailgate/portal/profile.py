"""A person's own page: data, number, address, password, what he wants told, and the devices he is signed in on.

What could lock somebody out of his account (address, password) wants the password, or a sign-in of the last minutes.
Agents have the devices only: who they are is written in the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from babel.dates import get_timezone_location
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate import log
from mailgate.flows import profile, sessions
from mailgate.flows.telephone import WHATSAPP
from mailgate.i18n import Translator
from mailgate.people import passwords, preferences
from mailgate.people.telephone import e164
from mailgate.portal import members
from mailgate.portal.access import refuse_asking, refuse_guessing
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages, row_id
from mailgate.portal.entering import SMALL_FORM, attempt, form_page, is_from_form, secret, slowly
from mailgate.portal.visitor import Visitor
from mailgate.portal.zones import ZONES

_LOG = log.get("portal")
_FRESH = timedelta(minutes=10)
_LANGUAGES = {"pt-BR": "Português", "en": "English", "es": "Español"}
#: Fields that may have to be mended.
_FIELDS = ("number", "code", "address", "address_current", "password", "password_current")
#: What the page may say was done, by `?said=`.
_SAID = frozenset({"saved", "code", "number", "removed", "asked", "address", "password", "choices", "ended"})


def look(request: Request) -> Response:
    """GET /profile."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.signed_in(desk, connection, request)
    said = request.query_params.get("said", "")
    return _page(desk, request, visitor, said=said if said in _SAID else "")


def _page(
    desk: Desk, request: Request, visitor: Visitor, *, said: str = "", errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    """The whole page. errors, typed: by the name of a field, where a form comes back."""
    site = desk.site
    translator = desk.translator(request, visitor.language, zone=visitor.zone)
    with site.writer.database.read() as connection:
        open_ones = sessions.open_ones(connection, site, visitor.person)
        contact = visitor.contact
        waiting = profile.waiting_number(connection, site, contact.id) if contact is not None else ""
    return desk.page(
        request, "profile.html", status=status, translator=translator, visitor=visitor, here="profile",
        contact=contact, chosen=preferences.read(contact.preferences if contact is not None else None),
        sessions=open_ones, waiting=waiting, said=said, typed=typed or {},
        errors={**dict.fromkeys(_FIELDS, ""), **(errors or {})}, wrong=bool(errors),
        has_whatsapp=WHATSAPP in site.channels, levels=preferences.MAIL, moments=preferences.MOMENTS,
        languages=languages(desk), zones=_zones(translator, visitor),
        company_zone=_zone_name(site.timezone, translator), fresh=_is_fresh(desk, visitor),
        shortest=passwords.SHORTEST, longest=passwords.LONGEST,
    )  # fmt: skip


def languages(desk: Desk) -> list[tuple[str, str]]:
    """The languages to choose from: tag, and its name in itself."""
    return [(tag, _LANGUAGES.get(tag, tag)) for tag in desk.site.policy.languages]


def _zones(translator: Translator, visitor: Visitor) -> list[tuple[str, str]]:
    names = ZONES if not visitor.zone or visitor.zone in ZONES else (visitor.zone, *ZONES)
    return [(name, _zone_name(name, translator)) for name in names]


def _zone_name(zone: str, translator: Translator) -> str:
    """A time zone by its town, in the reader's language."""
    try:
        return str(get_timezone_location(zone, locale=translator.locale, return_city=True))
    except LookupError:
        return zone


async def _received(request: Request) -> tuple[Desk, Visitor, FormData]:
    """What every post begins with: from our own pages, by somebody who signed in, from a page of his session."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(**SMALL_FORM) as form:
        kept = FormData(form.multi_items())
    visitor = await run_in_threadpool(_who, desk, request)
    members.check_form(desk, request, visitor, kept)
    return desk, visitor, kept


def _who(desk: Desk, request: Request) -> Visitor:
    with desk.site.writer.database.read() as connection:
        return members.signed_in(desk, connection, request)


def _contact_id(visitor: Visitor) -> int:
    """HTTPException 404 for an agent: his data stand in the settings."""
    if visitor.contact is None:
        raise HTTPException(404)
    found: int = visitor.contact.id
    return found


# --- data, first steps ------------------------------------------------------------------------------------------------


async def save(request: Request) -> Response:
    """POST /profile: name, language, time zone, telephone."""
    desk, visitor, form = await _received(request)
    await run_in_threadpool(_save, desk, visitor, form, first(form.getlist("timezone"))[:60])
    return desk.go("/profile?said=saved")


def _save(desk: Desk, visitor: Visitor, form: FormData, timezone: str) -> None:
    profile.save(
        desk.site, _contact_id(visitor), name=line(form, "name", 120), language=first(form.getlist("language"))[:20],
        timezone=timezone, phone=line(form, "phone", 40),
    )  # fmt: skip


def line(form: FormData, name: str, most: int) -> str:
    """A field as one line without signs that do not print."""
    typed = first(form.getlist(name))
    return " ".join("".join(c if c.isprintable() else " " for c in typed[: most * 4]).split())[:most]


def first_steps(request: Request) -> Response:
    """GET /profile/start: check your data; what else there is."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        visitor = members.member(desk, connection, request)
    return _steps(desk, request, visitor)


def _steps(desk: Desk, request: Request, visitor: Visitor, number: str | None = None) -> Response:
    return desk.page(
        request, "start.html", status=422 if number is not None else 200, visitor=visitor, contact=visitor.contact,
        languages=languages(desk), has_whatsapp=WHATSAPP in desk.site.channels, number=number,
        leads="contacts" in visitor.may,
    )  # fmt: skip


async def begin(request: Request) -> Response:
    """POST /profile/start: data are kept, and the page is not shown again."""
    desk, visitor, form = await _received(request)
    contact_id = _contact_id(visitor)
    typed = first(form.getlist("number"))[:60]
    number, asked = e164(typed), ""
    if "skip" not in form:
        if number is None:
            return _steps(desk, request, visitor, typed)
        await run_in_threadpool(_save, desk, visitor, form, visitor.zone)
        if number and visitor.contact is not None and number != visitor.contact.whatsapp:
            asked = await run_in_threadpool(profile.ask_number, desk.site, contact_id, number, desk.limits.resets)
    await run_in_threadpool(profile.start, desk.site, contact_id)
    return desk.go("/profile?said=code#whatsapp" if asked == "sent" else "/")


# --- the number -------------------------------------------------------------------------------------------------------


async def ask_number(request: Request) -> Response:
    """POST /profile/whatsapp: a code goes to the number; an empty one takes the number away."""
    desk, visitor, form = await _received(request)
    contact_id, typed = _contact_id(visitor), first(form.getlist("number"))[:60]
    number = e164(typed)
    if number is None:
        return await _again(desk, request, visitor, {"number": "number"}, {"number": typed})
    if not number:
        await run_in_threadpool(profile.remove_number, desk.site, contact_id)
        return desk.go("/profile?said=removed#whatsapp")
    done = await run_in_threadpool(profile.ask_number, desk.site, contact_id, number, desk.limits.resets)
    if done == "many":
        return await _again(desk, request, visitor, {"number": "many"}, {"number": typed}, 429)
    return desk.go(f"/profile?said={'code' if done == 'sent' else 'saved'}#whatsapp")


async def prove_number(request: Request) -> Response:
    """POST /profile/whatsapp/code: the code that came there."""
    desk, visitor, form = await _received(request)
    code = "".join(c for c in first(form.getlist("code"))[:20] if c.isascii() and c.isdigit())
    if not await run_in_threadpool(profile.prove_number, desk.site, _contact_id(visitor), code):
        return await _again(desk, request, visitor, {"code": "code"})
    return desk.go("/profile?said=number#whatsapp")


# --- address and password ---------------------------------------------------------------------------------------------


async def ask_address(request: Request) -> Response:
    """POST /profile/address: a link goes to the new address, a word to the old one. The same answer for each."""
    desk, visitor, form = await _received(request)
    contact_id, wanted = _contact_id(visitor), first(form.getlist("address"))[:320]
    if "@" not in wanted:
        return await _again(desk, request, visitor, {"address": "address"}, {"address": wanted})
    refused = await _unproven(desk, request, visitor, secret(form, "current"))
    if refused:
        return await _again(desk, request, visitor, {"address_current": refused}, {"address": wanted})
    refuse_asking(desk, request)
    await run_in_threadpool(profile.ask_address, desk.site, contact_id, wanted, desk.limits.resets)
    return desk.go("/profile?said=asked#address")


def look_at_address(request: Request) -> Response:
    """GET /address/{token}: which address it is, and the button."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        address = profile.asked_address(connection, desk.site, request.path_params["token"])
    if not address:
        return _no_link(desk, request)
    return form_page(desk, request, "address.html", address=address, error="", link=request.path_params["token"])


async def take_address(request: Request) -> Response:
    """POST /address/{token}: from now on it is the person's address."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    async with request.form(**SMALL_FORM) as form:
        ours = is_from_form(desk, request, form)
    if not ours:
        answer = await run_in_threadpool(look_at_address, request)
        answer.status_code = 403 if answer.status_code == 200 else answer.status_code
        return answer
    if not await run_in_threadpool(profile.take_address, desk.site, request.path_params["token"]):
        return await run_in_threadpool(_no_link, desk, request)
    _LOG.info("address changed")
    return desk.message(request, "address_done", 200)


def _no_link(desk: Desk, request: Request) -> Response:
    """A link that does not open, or no link at all."""
    if desk.site.mint.read_access_token(request.path_params["token"], profile.ADDRESS) is None:
        refuse_guessing(desk, request)
        raise HTTPException(404)
    return desk.message(request, "address_spent", 410)


async def change_password(request: Request) -> Response:
    """POST /profile/password: a new password; every other device is signed out."""
    desk, visitor, form = await _received(request)
    _contact_id(visitor)
    password, again = secret(form, "password"), secret(form, "again")
    error = passwords.mistake(password, visitor.name, visitor.address, desk.site.company.name)
    error = error or ("differ" if password != again else "")
    if error:
        return await _again(desk, request, visitor, {"password": error})
    refused = await _unproven(desk, request, visitor, secret(form, "current"))
    if refused:
        return await _again(desk, request, visitor, {"password_current": refused})
    kept = await slowly(desk, lambda: passwords.hashed(password))
    await run_in_threadpool(profile.change_password, desk.site, visitor.person, kept, visitor.session_id)
    _LOG.info("password changed", by="profile")
    return desk.go("/profile?said=password#password")


def _is_fresh(desk: Desk, visitor: Visitor) -> bool:
    return visitor.began_at is not None and desk.site.clock() - visitor.began_at <= _FRESH


async def _unproven(desk: Desk, request: Request, visitor: Visitor, typed: str) -> str:
    """Why a change is not done yet: proof, wrong, many; "" once the person has shown who he is."""
    if _is_fresh(desk, visitor):
        return ""
    kept = visitor.contact.password if visitor.contact is not None else None
    if not typed or kept is None:
        return "proof"
    wait, forgive = attempt(desk, request, visitor.address)
    if wait:
        return "many"
    if not await slowly(desk, lambda: passwords.matches(typed, kept)):
        return "wrong"
    forgive()
    return ""


# --- notices, devices -------------------------------------------------------------------------------------------------


async def choose(request: Request) -> Response:
    """POST /profile/notices: what is wanted, by mail and by WhatsApp."""
    desk, visitor, form = await _received(request)
    contact_id, moments = _contact_id(visitor), [one for one in form.getlist("whatsapp")[:20] if isinstance(one, str)]
    chosen = preferences.read(visitor.contact.preferences if visitor.contact is not None else None)
    wanted = moments if WHATSAPP in desk.site.channels else sorted(chosen.whatsapp)
    digests = "digests" in form if "has_digests" in form else chosen.digests
    mail = first(form.getlist("mail"))
    await run_in_threadpool(profile.save_choices, desk.site, contact_id, mail, wanted, digests)
    return desk.go("/profile?said=choices#notices")


async def end_session(request: Request) -> Response:
    """POST /profile/sessions/{id}/end: one device is signed out."""
    desk, visitor, _ = await _received(request)
    ended = row_id(request)
    if ended == visitor.session_id:
        return await _out(desk, visitor, everywhere=False)
    if not await run_in_threadpool(_end, desk, visitor, ended):
        raise HTTPException(404)
    return desk.go("/profile?said=ended#devices")


def _end(desk: Desk, visitor: Visitor, session_id: int) -> bool:
    with desk.site.writer.database.read() as connection:
        own = {row.id for row in sessions.open_ones(connection, desk.site, visitor.person)}
    return session_id in own and sessions.end(desk.site, session_id)


async def end_all(request: Request) -> Response:
    """POST /profile/sessions/end: every device is signed out, this one too."""
    desk, visitor, _ = await _received(request)
    return await _out(desk, visitor, everywhere=True)


async def _out(desk: Desk, visitor: Visitor, *, everywhere: bool) -> Response:
    if everywhere:
        await run_in_threadpool(sessions.end_all, desk.site, visitor.person)
    else:
        await run_in_threadpool(sessions.end, desk.site, visitor.session_id)
    answer = desk.go("/login?out")
    desk.cookies.end_session(answer)
    return answer


async def _again(
    desk: Desk, request: Request, visitor: Visitor, errors: dict[str, str], typed: dict[str, Any] | None = None,
    status: int = 422,
) -> Response:  # fmt: skip
    """The page once more, with what has to be mended."""
    return await run_in_threadpool(
        lambda: _page(desk, request, visitor, errors=errors, typed=typed, status=status)
    )  # fmt: skip


ROUTES = [
    Route("/profile", look),
    Route("/profile", save, methods=["POST"]),
    Route("/profile/start", first_steps),
    Route("/profile/start", begin, methods=["POST"]),
    Route("/profile/whatsapp", ask_number, methods=["POST"]),
    Route("/profile/whatsapp/code", prove_number, methods=["POST"]),
    Route("/profile/address", ask_address, methods=["POST"]),
    Route("/profile/password", change_password, methods=["POST"]),
    Route("/profile/notices", choose, methods=["POST"]),
    Route("/profile/sessions/end", end_all, methods=["POST"]),
    Route("/profile/sessions/{id:int}/end", end_session, methods=["POST"]),
    Route("/address/{token}", look_at_address),
    Route("/address/{token}", take_address, methods=["POST"]),
]
