"""Queries on the articles of the knowledge base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update

from store import claims, search
from store.tables import ARTICLE, ARTICLE_FILE, ARTICLE_VERSION

_LISTED = (
    ARTICLE.c.id, ARTICLE.c.slug, ARTICLE.c.title, ARTICLE.c.language, ARTICLE.c.section, ARTICLE.c.position,
    ARTICLE.c.visibility, ARTICLE.c.minutes, ARTICLE.c.updated_at,
)  # fmt: skip


def known(connection: Connection, slugs: Sequence[str] | None = None) -> dict[str, Row[Any]]:
    """What an import compares articles with, by slug: every one, or those of `slugs`."""
    c = ARTICLE.c
    query = select(c.slug, c.id, c.path, c.digest, c.signature, c.version, c.updated_at, c.published)
    if slugs is not None:
        query = query.where(c.slug.in_(slugs))
    found: Any = connection.execute(query).all()
    return {row.slug: row for row in found}


def alone(connection: Connection) -> None:
    """Let no other node import until this transaction ends; SQLite has its one writer anyway."""
    claims.alone(connection, claims.Deed.IMPORT)


def put(
    connection: Connection, values: dict[str, Any], source: str, files: Sequence[dict[str, Any]],
    title: Sequence[str], body: Sequence[str], *, is_new: bool,
) -> None:  # fmt: skip
    """Write an article as it is now, with its version, its files and its words. values: every column of its row."""
    if is_new:
        connection.execute(insert(ARTICLE), values)
    else:
        connection.execute(update(ARTICLE).where(ARTICLE.c.id == values["id"]).values(**values))
    names = ("title", "digest", "updated_at", "imported_at")
    version = {"article_id": values["id"], "number": values["version"], "source": source}
    there = select(ARTICLE_VERSION.c.number).where(
        ARTICLE_VERSION.c.article_id == values["id"], ARTICLE_VERSION.c.number == values["version"]
    )
    if connection.execute(there).first() is None:
        connection.execute(insert(ARTICLE_VERSION), version | {name: values[name] for name in names})
    connection.execute(delete(ARTICLE_FILE).where(ARTICLE_FILE.c.article_id == values["id"]))
    if files:
        connection.execute(insert(ARTICLE_FILE), [{"article_id": values["id"], **one} for one in files])
    search.put(connection, values["id"], title, body)


def unpublish(connection: Connection, article_id: int) -> None:
    """Take an article off the pages and out of the search; its versions stay."""
    connection.execute(update(ARTICLE).where(ARTICLE.c.id == article_id).values(published=False))
    search.remove(connection, article_id)


def languages(connection: Connection, visible: Sequence[str]) -> dict[str, int]:
    """How many articles of each language a reader may see."""
    c = ARTICLE.c
    query = select(c.language, func.count()).where(c.published, c.visibility.in_(visible)).group_by(c.language)
    return {row[0]: row[1] for row in connection.execute(query)}


def sections(connection: Connection, visible: Sequence[str], language: str) -> list[tuple[str, int]]:
    """The sections of one language with the number of their articles, in the order of the menu."""
    c = ARTICLE.c
    query = select(c.section, func.count()).where(c.published, c.visibility.in_(visible), c.language == language)
    query = query.group_by(c.section).order_by(func.min(c.position), c.section).limit(200)
    return [(row[0], row[1]) for row in connection.execute(query)]


def of_section(
    connection: Connection, visible: Sequence[str], language: str, section: str | None, limit: int
) -> list[Row[Any]]:
    """The first articles of a section, without their text; of every section where None is asked for."""
    place = func.row_number().over(partition_by=ARTICLE.c.section, order_by=(ARTICLE.c.position, ARTICLE.c.title))
    where = [ARTICLE.c.published, ARTICLE.c.visibility.in_(visible), ARTICLE.c.language == language]
    if section is not None:
        where.append(ARTICLE.c.section == section)
    listed = select(*_LISTED, place.label("place")).where(*where).subquery()
    query = select(listed).where(listed.c.place <= limit).order_by(listed.c.section, listed.c.place)
    return list(connection.execute(query))


def is_any(connection: Connection) -> bool:
    """Whether there is any article to read."""
    return connection.execute(select(ARTICLE.c.id).where(ARTICLE.c.published).limit(1)).first() is not None


def by_slug(connection: Connection, slug: str, visible: Sequence[str]) -> Row[Any] | None:
    """A published article that this reader may see."""
    where = (ARTICLE.c.slug == slug, ARTICLE.c.published, ARTICLE.c.visibility.in_(visible))
    return connection.execute(select(ARTICLE).where(*where)).first()


def versions(connection: Connection, article_id: int, limit: int = 20) -> list[Row[Any]]:
    """The versions of an article, the newest first, without their text."""
    c = ARTICLE_VERSION.c
    query = select(c.number, c.title, c.updated_at, c.imported_at).where(c.article_id == article_id)
    return list(connection.execute(query.order_by(c.number.desc()).limit(limit)))


def texts(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    """What these articles say, by id."""
    query = select(ARTICLE.c.id, ARTICLE.c.text).where(ARTICLE.c.id.in_(ids))
    return {row.id: row.text for row in connection.execute(query)}


def version(connection: Connection, slug: str, number: int) -> Row[Any] | None:
    """One version of an article, published or not, with the file it was."""
    query = select(ARTICLE_VERSION).join(ARTICLE, ARTICLE.c.id == ARTICLE_VERSION.c.article_id)
    return connection.execute(query.where(ARTICLE.c.slug == slug, ARTICLE_VERSION.c.number == number)).first()


def file(connection: Connection, sha256: str, visible: Sequence[str]) -> Row[Any] | None:
    """A file that an article names which this reader may see."""
    c = ARTICLE_FILE.c
    named = exists().where(ARTICLE.c.id == c.article_id, ARTICLE.c.published, ARTICLE.c.visibility.in_(visible))
    query = select(c.name, c.content_type, c.size_bytes, c.sha256).where(c.sha256 == sha256, named).limit(1)
    found: Any = connection.execute(query).first()
    return found  # type: ignore[no-any-return]


def listed(connection: Connection) -> list[Row[Any]]:
    """Every article, published or not, in the order of the menu, for the command line."""
    c = ARTICLE.c
    query = select(*_LISTED, c.path, c.published, c.version, c.labels).order_by(c.section, c.position, c.title)
    return list(connection.execute(query))
