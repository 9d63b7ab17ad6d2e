"""The knowledge base: the folder becomes rows and an index, and questions become articles.

Importing is idempotent and done in shared transactions of a few articles each; a file that cannot be read keeps its
article as it was, one that was taken away is unpublished. What is found comes in the same order on both databases:
by how many words of the question an article holds, in its title above all, then as the database ranks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row

from mailgate.errors import Mistake
from mailgate.flows.site import Site
from mailgate.knowledge import folder
from mailgate.knowledge.article import minutes_to_read
from mailgate.knowledge.folder import Found, Listing, Ready
from mailgate.knowledge.snippet import Pieces, marked, snippet
from mailgate.knowledge.words import Word, question, terms_of
from store import articles, search
from store.search import Group

_AT_ONCE = 40
_LOOKED_AT = 40  # candidates that are compared word by word
_IN_TITLE, _IN_TEXT, _ENOUGH = 3, 1, 2
_OFFERED = 3


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. mistakes: what kept files from being read, and what is only doubtful (`warning`)."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """An article that may answer: enough for a line with a link."""

    slug: str
    title: str
    minutes: int
    language: str


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found. title, snippet: in pieces, with the words that were asked for marked."""

    slug: str
    title: Pieces
    snippet: Pieces
    section: str
    labels: tuple[str, ...]
    minutes: int
    language: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is shown before a ticket is opened. answer: of the assistant, plain text of a stranger, "" for none."""

    articles: tuple[Offer, ...]
    answer: str = ""


# --- import ----------------------------------------------------------------------------------------------------------


def import_folder(site: Site) -> Imported:
    """Make the articles in the database what the folder holds.

    Raises StoreError; what was written by then is kept, and the next import goes on.
    """
    base = site.knowledge
    if base.folder is None or not base.is_there:
        if not base.named:
            return Imported()
        return Imported(mistakes=(Mistake(str(base.folder), 0, 0, "there is no such folder; nothing is changed"),))
    files = folder.listing(base.folder)
    found = folder.read_folder(base.folder, site.policy.locale)
    with site.writer.database.read() as connection:
        known = articles.known(connection)
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    doubts: list[Mistake] = []
    waiting: list[tuple[Ready, str]] = []
    for one in found.articles:
        row = known.get(one.slug)
        signature = folder.signature(found, files, one)
        if row is not None and row.published and row.path == one.path and row.signature == signature:
            counts["unchanged"] += 1
            continue
        try:
            ready = folder.make_ready(base.folder, found, one, ZoneInfo(site.timezone))
        except OSError as error:
            doubts.append(Mistake(str(base.folder / one.path), 0, 0, f"went away: {(error.strerror or '').lower()}"))
            continue
        doubts += ready.doubts
        same = row is not None and row.published and row.digest == ready.digest
        counts["added" if row is None else "unchanged" if same else "changed"] += 1
        waiting.append((ready, signature))
        if len(waiting) >= _AT_ONCE:
            _write(site, waiting)
            waiting = []
    _write(site, waiting)
    gone = _withdraw(site, found, known)
    return Imported(**counts, withdrawn=gone, mistakes=tuple(_in_order([*found.mistakes, *doubts])))


def _in_order(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda one: (one.file, one.line, one.column))


def _write(site: Site, ready: Sequence[tuple[Ready, str]]) -> None:
    """Files first, so that a row without its blob never exists; then all of these in one transaction."""
    for one, _ in ready:
        for file in one.files:
            site.blobs.put(file.content, file.sha256)
    if ready:
        site.writer.call(partial(_put_all, site=site, ready=ready))


def _put_all(connection: Connection, site: Site, ready: Sequence[tuple[Ready, str]]) -> None:
    """Write these articles as they follow on what is there now: another node may have read the folder meanwhile."""
    articles.alone(connection)
    known = articles.known(connection, [one.article.slug for one, _ in ready])
    for one, signature in ready:
        _put(connection, site, one, signature, known.get(one.article.slug))


def _put(connection: Connection, site: Site, ready: Ready, signature: str, known: Row[Any] | None) -> None:
    one, now = ready.article, site.clock()
    same = known is not None and known.digest == ready.digest
    updated_at = min(ready.updated_at, now)
    if known is not None and same and one.front.updated is None:
        updated_at = known.updated_at  # a file that was only copied is not a newer one
    body = terms_of(ready.text, one.language)
    title = terms_of(" ".join((one.title, *one.front.keywords, *one.front.labels, one.section)), one.language)
    values = {
        "id": known.id if known is not None else site.ids.new(),
        "slug": one.slug, "path": one.path, "title": one.title, "language": one.language, "section": one.section,
        "position": one.front.order, "labels": list(one.front.labels), "keywords": list(one.front.keywords),
        "visibility": one.front.visibility, "comments": one.front.comments, "html": ready.html, "text": ready.text,
        "terms": " ".join(sorted(set(body))), "minutes": minutes_to_read(ready.text),
        "version": 1 if known is None else known.version + (not same), "digest": ready.digest, "signature": signature,
        "updated_at": updated_at, "imported_at": now, "published": True,
    }  # fmt: skip
    files = [
        {"sha256": f.sha256, "name": f.name, "content_type": f.content_type, "size_bytes": len(f.content)}
        for f in ready.files
    ]
    articles.put(connection, values, ready.source, files, title, body, is_new=known is None)


def _withdraw(site: Site, found: Found, known: dict[str, Row[Any]]) -> int:
    """Unpublish what has no file any more; a file with a mistake is still a file."""
    there = set(found.slugs.values())
    gone = [r.id for r in known.values() if r.published and r.slug not in there and r.path not in found.broken]

    def work(connection: Connection) -> None:
        for article_id in gone:
            articles.unpublish(connection, article_id)

    if gone:
        site.writer.call(work)
    return len(gone)


class Watch:
    """Imports the folder when something in it has changed since the last look."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seen: Listing | None = None

    def sweep(self) -> Imported | None:
        """Look; None where nothing has changed. Raises StoreError, and looks again the next time then."""
        base = self._site.knowledge
        files = folder.listing(base.folder) if base.folder is not None else {}
        if files == self._seen or (self._seen is None and not base.is_there and not base.named):
            return None
        self._seen = None
        done = import_folder(self._site)
        self._seen = files
        return done


# --- questions -------------------------------------------------------------------------------------------------------


def look_up(connection: Connection, text: str, visible: Sequence[str], language: str, limit: int = 20) -> list[Hit]:
    """The articles that hold all words of the question; where none does, those that hold enough of them."""
    asked = question(text, typing=True)
    rows = _ranked(asked, search.find(connection, _groups(asked), visible, 2 * limit, every=True), language)
    if not rows:
        some = search.find(connection, _groups(asked), visible, _LOOKED_AT, every=False)
        rows = _ranked(asked, some, language, least=_ENOUGH if len(asked) > 1 else _IN_TEXT)
    said = articles.texts(connection, [row.id for row in rows[:limit]])
    return [_hit(row, said.get(row.id, ""), asked) for row in rows[:limit]]


def offers(
    connection: Connection, text: str, visible: Sequence[str], language: str, limit: int = _OFFERED, *,
    typing: bool = False,
) -> list[Offer]:  # fmt: skip
    """The few articles that may answer what somebody is about to ask; those in his language first."""
    return [_offer(row) for row in _fitting(connection, text, visible, language, limit, typing=typing)]


def suggest(site: Site, language: str, subject: str, text: str, visible: Sequence[str] | None = None) -> Suggestion:
    """What may spare somebody a ticket: articles, and the assistant's answer where one is set up.

    visible: what this reader may see; absent, what strangers may. The assistant is told what was typed and the
    articles, nothing else. Raises StoreError.
    """
    base = site.knowledge
    may = base.stranger if visible is None else visible
    with site.writer.database.read() as connection:
        rows = _fitting(connection, f"{subject}\n{text}", may, language, _OFFERED)
        said = articles.texts(connection, [row.id for row in rows]) if base.assistant is not None else {}
    answer = ""
    if base.assistant is not None and rows:
        known = [(row.title, said.get(row.id, "")) for row in rows]
        answer = base.assistant.answer(site.company.name, language, subject, text, known)
    return Suggestion(tuple(_offer(row) for row in rows), answer)


def _fitting(
    connection: Connection, text: str, visible: Sequence[str], language: str, limit: int, *, typing: bool = False
) -> list[Row[Any]]:
    asked = question(text, typing=typing)
    found = search.find(connection, _groups(asked), visible, _LOOKED_AT, every=False)
    least = _ENOUGH if len(asked) > 1 else _IN_TEXT
    own_first = sorted(_ranked(asked, found, language, least=least), key=lambda row: row.language != language)
    return own_first[:limit]


def _groups(asked: Sequence[Word]) -> list[Group]:
    return [Group(word.forms, word.prefix) for word in asked]


def _ranked(asked: Sequence[Word], rows: Sequence[Row[Any]], language: str, least: int = 0) -> list[Row[Any]]:
    """The rows with enough words of the question, best first; of equals, the reader's language, then as they came."""
    scored = [(_score(asked, row), row) for row in rows]
    kept = [(score, row) for score, row in scored if score >= least]
    return [row for _, row in sorted(kept, key=lambda one: (-one[0], one[1].language != language))]


def _score(asked: Sequence[Word], row: Row[Any]) -> int:
    head = set(terms_of(" ".join((row.title, *row.keywords, *row.labels, row.section)), row.language))
    body = set(row.terms.split())
    return sum(_IN_TITLE if word.is_in(head) else _IN_TEXT if word.is_in(body) else 0 for word in asked)


def _offer(row: Row[Any]) -> Offer:
    return Offer(row.slug, row.title, row.minutes, row.language)


def _hit(row: Row[Any], text: str, asked: Sequence[Word]) -> Hit:
    return Hit(
        slug=row.slug,
        title=marked(row.title, asked, row.language),
        snippet=snippet(text, asked, row.language),
        section=row.section,
        labels=tuple(row.labels),
        minutes=row.minutes,
        language=row.language,
        updated_at=row.updated_at,
    )
