"""The tables of the knowledge base. Beside them stands `article_search`, the index of words, which is of another kind
on each database (`store/search.py`)."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_ID = BigInteger().with_variant(Integer, "sqlite")
_JSON = JSON().with_variant(JSONB(), "postgresql")


class Article(SQLModel, table=True):
    """An article as it is shown now; a file that was taken away leaves it unpublished.

    text: what it says, for snippets. terms: its words as the search knows them, each once.
    digest: of the file and the files it names. signature: tells whether it must be rendered again.
    """

    __tablename__: ClassVar[str] = "article"
    __table_args__ = (Index("ix_article_menu", "published", "section", "position"),)
    id: int = Field(sa_column=Column(_ID, primary_key=True, autoincrement=False))
    slug: str = Field(unique=True)
    path: str
    title: str
    language: str
    section: str = ""
    position: int = 0
    labels: list[str] = Field(default_factory=list, sa_column=Column(_JSON, nullable=False, default=list))
    keywords: list[str] = Field(default_factory=list, sa_column=Column(_JSON, nullable=False, default=list))
    visibility: str = "public"  # public | customers | agents
    comments: str = "open"  # open | closed
    html: str = Field(default="", sa_column=Column(Text, nullable=False, default=""))  # sanitised at import
    text: str = Field(default="", sa_column=Column(Text, nullable=False, default=""))
    terms: str = Field(default="", sa_column=Column(Text, nullable=False, default=""))
    minutes: int = 1  # to read it
    version: int = 1
    digest: str
    signature: str = ""
    updated_at: datetime
    imported_at: datetime
    published: bool = True


class ArticleVersion(SQLModel, table=True):
    """An article as it once was: its whole file."""

    __tablename__: ClassVar[str] = "article_version"
    article_id: int = Field(sa_column=Column(_ID, ForeignKey("article.id"), primary_key=True, autoincrement=False))
    number: int = Field(primary_key=True)
    title: str
    digest: str
    source: str = Field(default="", sa_column=Column(Text, nullable=False, default=""))
    updated_at: datetime
    imported_at: datetime


class ArticleFile(SQLModel, table=True):
    """An image or a file that an article names; its bytes are the blob of that digest."""

    __tablename__: ClassVar[str] = "article_file"
    article_id: int = Field(sa_column=Column(_ID, ForeignKey("article.id"), primary_key=True, autoincrement=False))
    sha256: str = Field(primary_key=True, index=True)
    name: str
    content_type: str
    size_bytes: int
