"""the knowledge base: articles, their versions and files, and the index of their words"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
import sqlmodel.sql.sqltypes
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sqlmodel.sql.sqltypes.UTCDateTime()
_WORD = sqlmodel.sql.sqltypes.AutoString()


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
    op.create_table(
        "article",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("slug", _WORD, nullable=False),
        sa.Column("path", _WORD, nullable=False),
        sa.Column("title", _WORD, nullable=False),
        sa.Column("language", _WORD, nullable=False),
        sa.Column("section", _WORD, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("labels", json, nullable=False),
        sa.Column("keywords", json, nullable=False),
        sa.Column("visibility", _WORD, nullable=False),
        sa.Column("comments", _WORD, nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", _WORD, nullable=False),
        sa.Column("signature", _WORD, nullable=False),
        sa.Column("updated_at", _AT, nullable=False),
        sa.Column("imported_at", _AT, nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )
    op.create_index("ix_article_menu", "article", ["published", "section", "position"])
    op.create_table(
        "article_version",
        sa.Column("article_id", _ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", _WORD, nullable=False),
        sa.Column("digest", _WORD, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("updated_at", _AT, nullable=False),
        sa.Column("imported_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"]),
        sa.PrimaryKeyConstraint("article_id", "number"),
    )
    op.create_table(
        "article_file",
        sa.Column("article_id", _ID, autoincrement=False, nullable=False),
        sa.Column("sha256", _WORD, nullable=False),
        sa.Column("name", _WORD, nullable=False),
        sa.Column("content_type", _WORD, nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"]),
        sa.PrimaryKeyConstraint("article_id", "sha256"),
    )
    op.create_index("ix_article_file_sha256", "article_file", ["sha256"])
    if op.get_bind().dialect.name == "sqlite":
        # The words come folded and stemmed (mailgate/knowledge/words.py): the tokenizer only takes them apart.
        op.execute(
            "CREATE VIRTUAL TABLE article_search USING fts5"
            "(title, body, tokenize = \"unicode61 remove_diacritics 0\", prefix = '2 3')"
        )
    else:
        op.execute(
            "CREATE TABLE article_search "
            "(article_id BIGINT PRIMARY KEY REFERENCES article (id), terms TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX ix_article_search_terms ON article_search USING GIN (terms)")


def downgrade() -> None:
    raise NotImplementedError("mailgate goes forward only; restore a backup to go back")
