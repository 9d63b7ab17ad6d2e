"""The knowledge base: sections and search, an article, suggestions while somebody types. Reads only.

Anybody may read what is public, unless the company says otherwise; who signed in or has opened a link of ours reads
what is for customers; agents read all. What one may not see is as if it were not there. Articles were made safe when
they were imported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy import Connection, Row
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailgate.flows import customer
from mailgate.flows import knowledge as flow
from mailgate.flows.customer import Expired
from mailgate.i18n import Translator
from mailgate.knowledge.base import AGENT, CUSTOMER
from mailgate.portal import members
from mailgate.portal.blobbody import blob_body
from mailgate.portal.desk import Desk, asker, desk_of
from mailgate.portal.filepages import disposition
from mailgate.portal.shield import FILE_POLICY
from mailgate.portal.throttle import Throttle
from mailgate.portal.visitor import Visitor
from mailgate.yamltypes import Rate
from store import articles

_DIGEST = re.compile(r"[0-9a-f]{64}")
_EACH_SECTION, _WHOLE_SECTION, _RESULTS = 6, 300, 20
_MOST_QUESTION = 300
_LINKS_LOOKED_AT = 5
#: Of one peer: somebody who types has a suggestion for every second word or so.
_SUGGESTIONS = (Rate(90, timedelta(minutes=1)),)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: what he may see, and in which language he reads the pages around it."""

    visible: tuple[str, ...]
    visitor: Visitor | None
    translator: Translator


def reader(desk: Desk, connection: Connection, request: Request) -> Reader:
    """Who reads, by his session or a link that he has opened."""
    visitor = members.visitor(desk, connection, request)
    words = desk.translator(request, visitor.language, zone=visitor.zone) if visitor else desk.translator(request)
    if visitor is not None:
        return Reader(AGENT if visitor.is_agent else CUSTOMER, visitor, words)
    for link_id in desk.cookies.read(request).links[:_LINKS_LOOKED_AT]:
        found = customer.known_link(connection, desk.site, link_id)
        if found is not None and not isinstance(found, Expired):
            return Reader(CUSTOMER, None, words)  # an agent's mail may be passed on: for what is his he signs in
    return Reader(desk.site.knowledge.stranger, None, words)


def contents(request: Request) -> Response:
    """GET /knowledge: the sections, one of them (`?section=`), or what a question finds (`?q=`)."""
    desk = desk_of(request)
    asked = request.query_params.get("q", "").strip()[:_MOST_QUESTION]
    wanted = request.query_params.get("section")
    with desk.site.writer.database.read() as connection:
        who = reader(desk, connection, request)
        known = articles.languages(connection, who.visible)
        _refuse_nobody(desk, who, known)
        language = _language(request.query_params.get("language", ""), who.translator.language, desk, known)
        hits = flow.look_up(connection, asked, who.visible, who.translator.language, _RESULTS) if asked else []
        sections = articles.sections(connection, who.visible, language)
        if wanted is not None and wanted not in [name for name, _ in sections]:
            raise HTTPException(404)
        most = _EACH_SECTION if wanted is None else _WHOLE_SECTION
        rows = articles.of_section(connection, who.visible, language, wanted, most) if not asked else []
    return _page(
        desk, request, who, "knowledge.html", asked=asked, hits=hits, wanted=wanted, language_shown=language,
        sections=[(name, count, [row for row in rows if row.section == name]) for name, count in sections],
        languages=known,
    )  # fmt: skip


def article(request: Request) -> Response:
    """GET /knowledge/{slug}: an article, with the menu of its section."""
    desk = desk_of(request)
    with desk.site.writer.database.read() as connection:
        who = reader(desk, connection, request)
        row = articles.by_slug(connection, request.path_params["slug"][:100], who.visible)
        if row is None:
            _refuse_nobody(desk, who, {})
            raise HTTPException(404)
        versions = articles.versions(connection, row.id)
        sections = articles.sections(connection, who.visible, row.language)
        beside = articles.of_section(connection, who.visible, row.language, row.section, _WHOLE_SECTION)
    return _page(
        desk, request, who, "article.html", article=row, html=Markup(row.html),  # noqa: S704 - cleaned at import
        versions=versions, sections=sections, beside=_around(beside, row.id),
    )  # fmt: skip


def file(request: Request) -> Response:
    """GET /knowledge/files/{sha256}: an image or a file of an article that this reader may see."""
    desk = desk_of(request)
    sha256 = request.path_params["sha256"]
    if not _DIGEST.fullmatch(sha256):
        raise HTTPException(404)
    with desk.site.writer.database.read() as connection:
        found = articles.file(connection, sha256, reader(desk, connection, request).visible)
    if found is None:
        raise HTTPException(404)
    headers = {
        "Content-Disposition": disposition(found.name, inline=found.content_type.startswith("image/")),
        "Content-Security-Policy": FILE_POLICY,
        "Cache-Control": "private, max-age=3600",
    }
    try:
        return blob_body(request, desk.site.blobs, sha256, headers, found.content_type, private=False)
    except FileNotFoundError:
        raise HTTPException(404) from None


def suggest(request: Request) -> Response:
    """GET /knowledge/suggest?q=: titles that fit what is being typed, as JSON: {"articles": [{title, url, note}]}."""
    desk = desk_of(request)
    wait = _asks(request).count(asker(request), desk.site.clock())
    if wait:
        return JSONResponse({"articles": []}, 429, headers={"Retry-After": str(wait)})
    asked = request.query_params.get("q", "")[:_MOST_QUESTION]
    with desk.site.writer.database.read() as connection:
        who = reader(desk, connection, request)
        found = flow.offers(connection, asked, who.visible, who.translator.language, typing=True)
    say = desk.pages.speaker(who.translator)
    return JSONResponse({
        "articles": [
            {
                "title": one.title,
                "url": f"{desk.pages.root}/knowledge/{one.slug}",
                "note": say("page.knowledge.minutes", minutes=one.minutes),
                "language": one.language,
            }
            for one in found
        ]
    })  # fmt: skip


def _asks(request: Request) -> Throttle:
    """The rate of suggestions, made with the first of them."""
    state = request.app.state
    if not hasattr(state, "suggestions"):
        state.suggestions = Throttle(_SUGGESTIONS)
    found: Throttle = state.suggestions
    return found


def _refuse_nobody(desk: Desk, who: Reader, known: dict[str, int]) -> None:
    """Where only customers read, a stranger is asked to sign in; where there is nothing at all, there is no page."""
    if not who.visible:
        raise members.NotSignedIn
    if not known and not desk.site.knowledge.is_there:
        raise HTTPException(404)


def _language(named: str, own: str, desk: Desk, known: dict[str, int]) -> str:
    """Which language's articles are listed: the one asked for, the reader's, the company's, the one with most."""
    choices = (named, own, desk.site.policy.locale, *sorted(known, key=lambda one: -known[one]))
    return next((one for one in choices if one in known), own)


def _around(rows: Sequence[Row[Any]], article_id: int, most: int = 30) -> list[Row[Any]]:
    """The articles of a section nearest to one of them: a menu, not a register."""
    at = next((n for n, row in enumerate(rows) if row.id == article_id), 0)
    start = max(0, min(at - most // 2, len(rows) - most))
    return list(rows[start : start + most])


def _page(desk: Desk, request: Request, who: Reader, template: str, **context: Any) -> Response:
    return desk.page(
        request, template, translator=who.translator, visitor=who.visitor, here="knowledge",
        section_path=partial(_section_path, context.get("language_shown", "")),
        address=desk.site.addresses[0].address, **context,
    )  # fmt: skip


def _section_path(shown: str, section: str, language: str = "") -> str:
    """The address of a section's list, below the root."""
    return "/knowledge?" + urlencode({"section": section, "language": language or shown})


ROUTES = [
    Route("/knowledge", contents),
    Route("/knowledge/suggest", suggest),
    Route("/knowledge/files/{sha256}", file),
    Route("/knowledge/{slug}", article),
]
