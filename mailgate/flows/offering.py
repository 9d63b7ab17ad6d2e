"""The articles that an acknowledgement offers: chosen by the words of the mail, but nothing of the mail is in them.

Looked up between claiming and rendering, outside the write transaction. To an unverified sender too: title and address
are ours. Only what anybody may read is offered, since a mail may be passed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.flows import knowledge
from mailgate.flows.rendering import RenderJob
from mailgate.flows.site import Site
from mailgate.notify.views import ArticleView
from store import tickets
from store.errors import StoreError
from store.vocabulary import Notice

_LOG = log.get("deliver")
_LOOKED_AT = 1_500  # letters of the mail


def with_articles(
    site: Site, rows: Sequence[Row[Any]], jobs: Mapping[int, RenderJob | Exception]
) -> dict[int, RenderJob | Exception]:
    """The same jobs, those of acknowledgements by mail with the articles that fit. A mail never waits for articles."""
    found = dict(jobs)
    base = site.knowledge
    asking = [row for row in rows if row.notice == Notice.N1 and row.channel == "mail" and row.id in jobs]
    if not asking or not base.offered or not base.stranger or not base.is_there:
        return found
    try:
        with site.writer.database.read() as connection:
            said = _said(connection, asking)
            for row in asking:
                job = found[row.id]
                if isinstance(job, RenderJob):
                    found[row.id] = _offered(connection, site, job, said.get(row.comment_id, ""))
    except StoreError as error:
        _LOG.warning("acknowledged without articles", error=str(error))
    return found


def _said(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """What these mails said, by the id of their comment."""
    ids = sorted({row.comment_id for row in rows if row.comment_id is not None})
    comments = tickets.comments_by_ids(connection, ids) if ids else []
    return {one.id: (one.reply or one.text)[:_LOOKED_AT] for one in comments}


def _offered(connection: Connection, site: Site, job: RenderJob, said: str) -> RenderJob:
    base, view = site.knowledge, job.view
    asked = f"{view.subject}\n{said}"
    fitting = knowledge.offers(connection, asked, base.stranger, view.language, base.offered)
    views = tuple(ArticleView(one.title, f"{site.base_url}/knowledge/{one.slug}") for one in fitting)
    return replace(job, view=replace(view, articles=views))
