"""The index of the articles' words: FTS5 on SQLite, a tsvector on PostgreSQL, over the same words that we made.

The words are folded and stemmed before they come here (`mailgate/knowledge/words.py`), so neither database looks at
language. A word is letters and digits only; it is quoted and bound all the same, so that no question is ever syntax.
A word in the title counts eight times one in the text. Sources: sqlite.org/fts5.html §3 and §5.1, PostgreSQL 15 §12.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text

from store.tables import ARTICLE, is_sqlite

#: What PostgreSQL takes: positions of one lexeme, and the highest position (§12.11, "Limitations").
_MOST_PLACES = 255
_LAST_PLACE = 16_383
_MOST_LEXEME_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Group:
    """One word of a question: any of `terms`, or whatever begins with `prefix` ("" for none)."""

    terms: tuple[str, ...]
    prefix: str = ""


def put(connection: Connection, article_id: int, title: Sequence[str], body: Sequence[str]) -> None:
    """Make these the words of an article. title: its words of more weight."""
    remove(connection, article_id)
    if is_sqlite(connection):
        connection.execute(
            text("INSERT INTO article_search (rowid, title, body) VALUES (:id, :title, :body)"),
            {"id": article_id, "title": " ".join(map(_plain, title)), "body": " ".join(map(_plain, body))},
        )
    else:
        connection.execute(
            text("INSERT INTO article_search (article_id, terms) VALUES (:id, CAST(:terms AS tsvector))"),
            {"id": article_id, "terms": _vector(title, body)},
        )


def remove(connection: Connection, article_id: int) -> None:
    """Forget the words of an article."""
    column = "rowid" if is_sqlite(connection) else "article_id"
    connection.execute(text(f"DELETE FROM article_search WHERE {column} = :id"), {"id": article_id})  # noqa: S608


def find(
    connection: Connection, asked: Sequence[Group], visible: Sequence[str], limit: int, *, every: bool
) -> list[Row[Any]]:
    """The articles that hold the words, the best first.

    visible: the visibilities that the reader may see. every: all words must be there, else any will do.
    """
    wanted = [group for group in asked if group.terms or group.prefix]
    if not wanted or not visible:
        return []
    sqlite = is_sqlite(connection)
    spell = _fts_group if sqlite else _ts_group
    joined = ((" AND " if every else " OR ") if sqlite else (" & " if every else " | ")).join(map(spell, wanted))
    query = text(_FIND_SQLITE if sqlite else _FIND_POSTGRES).bindparams(bindparam("visible", expanding=True))
    typed = query.columns(*(ARTICLE.c[name] for name in _NAMES))
    return list(connection.execute(typed, {"asked": joined, "visible": list(visible), "most": limit}))


_NAMES = ("id", "slug", "title", "language", "section", "labels", "keywords", "terms", "minutes", "updated_at")
_COLUMNS = ", ".join(f"a.{name}" for name in _NAMES)
#: The best are found first, by id; only then their rows are read, whose long texts would go through the sorting too.
#: What is not published is not in the index.
_FIND_SQLITE = f"""
    SELECT {_COLUMNS} FROM (
        SELECT a.id AS id, bm25(article_search, 8.0, 1.0) AS score, a.position AS position
        FROM article_search JOIN article a ON a.id = article_search.rowid
        WHERE article_search MATCH :asked AND a.visibility IN :visible
        ORDER BY 2, 3, 1 LIMIT :most
    ) found JOIN article a ON a.id = found.id ORDER BY found.score, found.position, found.id
"""  # noqa: S608
_FIND_POSTGRES = f"""
    SELECT {_COLUMNS} FROM (
        SELECT a.id AS id, ts_rank('{{0, 0, 0.125, 1.0}}', s.terms, CAST(:asked AS tsquery), 1) AS score,
            a.position AS position
        FROM article_search s JOIN article a ON a.id = s.article_id
        WHERE s.terms @@ CAST(:asked AS tsquery) AND a.visibility IN :visible
        ORDER BY 2 DESC, 3, 1 LIMIT :most
    ) found JOIN article a ON a.id = found.id ORDER BY found.score DESC, found.position, found.id
"""  # noqa: S608


def _fts_group(group: Group) -> str:
    words = [f'"{_plain(term)}"' for term in group.terms]
    if group.prefix:
        words.append(f'"{_plain(group.prefix)}" *')
    return f"({' OR '.join(words)})"


def _ts_group(group: Group) -> str:
    words = [f"'{_plain(term)}'" for term in group.terms]
    if group.prefix:
        words.append(f"'{_plain(group.prefix)}':*")
    return f"({' | '.join(words)})"


def _plain(term: str) -> str:
    """Letters and digits only: nothing that quotes, operators or a tokenizer would make something of."""
    return "".join(c for c in term[: _MOST_LEXEME_BYTES // 4] if c.isalnum()) or "0"


def _vector(title: Iterable[str], body: Iterable[str]) -> str:
    """A tsvector as PostgreSQL reads it: `'nota':1A,7B`. A: of the title, B: of the text."""
    places: dict[str, list[str]] = {}
    at = 0
    for weight, words in (("A", title), ("B", body)):
        for word in words:
            at = min(at + 1, _LAST_PLACE)
            known = places.setdefault(_plain(word), [])
            if len(known) < _MOST_PLACES:
                known.append(f"{at}{weight}")
    return " ".join(f"'{word}':{','.join(dict.fromkeys(known))}" for word, known in places.items())
