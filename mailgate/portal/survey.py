"""The survey, and the end of notices. GET shows, POST does; each link does one thing for one person.

A page is asked for by the link's capability alone, without a cookie: mail clients open links in a browser of their own.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mailgate.flows import survey
from mailgate.flows.survey import Asked
from mailgate.portal.access import refuse_guessing
from mailgate.portal.desk import Desk, desk_of, first, only_from_our_pages
from mailgate.portal.nonces import has_nonce, nonce

_MOST_COMMENT = 4000


def look(request: Request) -> Response:
    """GET /rate/{token}: the question, with what was answered before."""
    desk = desk_of(request)
    about = _about(desk, request, "rate")
    if about.state != "open":
        return desk.message(request, f"rate_{about.state}", 410)
    return _form(desk, request, about)


async def answer(request: Request) -> Response:
    """POST /rate/{token}: the answer is kept, those who lead are told, and it can be changed for some days."""
    desk = desk_of(request)
    only_from_our_pages(request, desk.site.base_url)
    about = await run_in_threadpool(_about, desk, request, "rate")
    if about.state != "open":
        return desk.message(request, f"rate_{about.state}", 410)
    async with request.form(max_files=0, max_fields=5, max_part_size=_MOST_COMMENT * 4) as form:
        ours = has_nonce(desk, request, "rate", form)
        score = first(form.getlist("score"))
        comment = first(form.getlist("comment")).replace("\r\n", "\n").replace("\0", "")[:_MOST_COMMENT]
    if not ours:
        raise HTTPException(403)
    if not score.isascii() or not score.isdigit() or not 1 <= int(score[:3]) <= about.scale:
        return _form(desk, request, about, comment=comment, error=True)
    await run_in_threadpool(survey.rate, desk.site, about, int(score[:3]), comment if about.with_comment else "")
    return desk.message(request, "rated", 200)


def ask_to_stop(request: Request) -> Response:
    """GET /stop/{token}: what would end, and the button."""
    desk = desk_of(request)
    about = _about(desk, request, "stop")
    if about.state == "expired":
        return desk.message(request, "stop_expired", 410)
    return desk.page(
        request, "stop.html", translator=desk.translator(request, about.language), about=about,
        token=request.path_params["token"], nonce=nonce(desk, request, "stop"),
    )  # fmt: skip


async def stop(request: Request) -> Response:
    """POST /stop/{token}: by the page's button, or by the mail client's own (RFC 8058 §3.2), which has no page."""
    desk = desk_of(request)
    about = await run_in_threadpool(_about, desk, request, "stop")
    async with request.form(max_files=0, max_fields=5, max_part_size=1024) as form:
        by_client = first(form.getlist("List-Unsubscribe")) == "One-Click"
        ours = by_client or has_nonce(desk, request, "stop", form)
    if not ours:
        raise HTTPException(403)
    if about.state != "expired":
        await run_in_threadpool(survey.stop, desk.site, about)
    return desk.message(request, "stopped", 200)


def _form(desk: Desk, request: Request, about: Asked, comment: str = "", error: bool = False) -> Response:
    wanted = request.query_params.get("score", "")[:3]
    picked = int(wanted) if wanted.isascii() and wanted.isdigit() else about.score
    return desk.page(
        request,
        "rate.html",
        status=422 if error else 200,
        translator=desk.translator(request, about.language),
        about=about,
        picked=picked,
        comment=comment or about.comment,
        error=error,
        nonce=nonce(desk, request, "rate"),
        token=request.path_params["token"],
        most=_MOST_COMMENT,
    )


def _about(desk: Desk, request: Request, purpose: str) -> Asked:
    with desk.site.writer.database.read() as connection:
        found = survey.asked(connection, desk.site, request.path_params["token"], purpose)
    if found is None:
        refuse_guessing(desk, request)
        raise HTTPException(404)
    return found


ROUTES = [
    Route("/rate/{token}", look),
    Route("/rate/{token}", answer, methods=["POST"]),
    Route("/stop/{token}", ask_to_stop),
    Route("/stop/{token}", stop, methods=["POST"]),
]
