"""Golden facts as views and heads."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mailgate.i18n import Translations
from mailgate.notify.compose import Composer
from mailgate.notify.views import (
    ActionView,
    ArticleView,
    CommentView,
    CompanyView,
    FiguresView,
    FileView,
    Head,
    NewsView,
    NoticeView,
    RowView,
    StepView,
)
from mailgate.resources import data_folder

GOLDEN = Path(__file__).parents[2] / "golden" / "outbound"


@lru_cache(maxsize=1)
def composer() -> Composer:
    """The composer with the texts and templates that ship."""
    templates = data_folder("templates")
    return Composer(templates, Translations.load(templates / "translations"))


@cache
def read(folder: Path) -> tuple[NoticeView, Head]:
    """One case: `common.yaml` with `facts.yaml` over it. The subject is the composer's own unless the facts say one."""
    common, own = _load(GOLDEN / "common.yaml"), _load(folder / "facts.yaml")
    view = notice({**common["view"], **own["view"]})
    head = {**common["head"], **own["head"]}
    head.setdefault("subject", composer().subject(view))
    head["references"] = tuple(head["references"])
    head["date"] = datetime.fromisoformat(head["date"])
    head["extra"] = (("X-Mailgate-Ticket", view.key), ("X-Mailgate-Status", view.status)) if view.key else ()
    return view, Head(**head)


def notice(facts: dict[str, Any]) -> NoticeView:
    """A view from plain facts: instants as ISO 8601, file contents as base64."""
    made = dict(facts)
    made["company"] = CompanyView(**made["company"])
    for name in ("due_at", "created_at", "link_expires_at", "closes_at", "since", "until"):
        if made.get(name):
            made[name] = datetime.fromisoformat(made[name])
    for name in ("comment", "previous"):
        if made.get(name):
            made[name] = _comment(made[name])
    for name in ("participants", "commands", "related"):
        made[name] = tuple(made.get(name, ()))
    made["news"] = tuple(NewsView(**{**n, "at": datetime.fromisoformat(n["at"])}) for n in made.get("news", ()))
    made["refused"] = tuple((why, name) for why, name in made.get("refused", ()))
    made["told"] = tuple(_comment(one) for one in made.get("told", ()))
    made["earlier"] = tuple(_comment(one) for one in made.get("earlier", ()))
    made["articles"] = tuple(ArticleView(**one) for one in made.get("articles", ()))
    made["actions"] = tuple(ActionView(**one) for one in made.get("actions", ()))
    made["steps"] = tuple(StepView(one["status"], datetime.fromisoformat(one["at"])) for one in made.get("steps", ()))
    made["rows"] = tuple(RowView(**_dated(one)) for one in made.get("rows", ()))
    for name in ("figures", "by_agent", "by_department"):
        made[name] = tuple(FiguresView(**one) for one in made.get(name, ()))
    return NoticeView(**made)


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{name: datetime.fromisoformat(row[name]) for name in ("due_at", "at") if row.get(name)}}


def _comment(facts: dict[str, Any]) -> CommentView:
    made = dict(facts)
    made["created_at"] = datetime.fromisoformat(made["created_at"])
    made["files"] = tuple(
        FileView(**{**file, "content": base64.b64decode(file["content"]) if "content" in file else None})
        for file in made.get("files", ())
    )
    return CommentView(**made)


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return loaded
