"""One example of each notice, with values that are easy to find again: for previews and for the linter. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mailgate.notify.views import (
    ActionView,
    ArticleView,
    CommentView,
    CompanyView,
    FiguresView,
    NewsView,
    NoticeView,
    RowView,
    StepView,
)
from store.vocabulary import Notice

AT = datetime(2031, 3, 5, 12, 0, tzinfo=UTC)
#: Values that stand nowhere else.
KEY, STATUS, AGENT = "SUP-90417", "Status 7301", "Agente Exemplo 5512"
LINK, SECRET, SURVEY = (
    "https://mailgate.invalid/t/4471",
    "https://mailgate.invalid/once/8829",
    "https://mailgate.invalid/rate/6650",
)
ARTICLE = "https://mailgate.invalid/knowledge/6114"
UNSUBSCRIBE = "https://mailgate.invalid/stop/3398"
TEXT, PREVIOUS = "O que foi escrito 2204.", "O que veio antes 1187."
DUE = AT + timedelta(days=2)
CLOSES = AT + timedelta(days=12)

_TO_AGENTS = frozenset(
    {
        Notice.N13, Notice.N19, Notice.CONFIRM, Notice.COMMAND_DONE, Notice.COMMAND_ERROR, Notice.DELIVERY_FAILED,
        Notice.AGENT_DIGEST, Notice.HELD_DIGEST, Notice.WEEKLY, Notice.AUDIT, Notice.ALARM,
    }
)  # fmt: skip
_CATEGORIES = {
    Notice.N7: "waiting", Notice.N8: "waiting", Notice.N9: "waiting", Notice.N10: "solved", Notice.N12: "closed",
    Notice.N13: "closed",
}  # fmt: skip


def sample(notice: Notice, language: str, company: CompanyView, timezone: str, key_label: str) -> NoticeView:
    """A notice in which everything that it may say is said."""
    to_agent = notice in _TO_AGENTS
    category = _CATEGORIES.get(notice, "open")
    agent = CommentView(AGENT, "agente@example.test", "agent", AT, TEXT)
    customer = CommentView("Ana Souza", "ana@cliente.test", "customer", AT - timedelta(hours=2), PREVIOUS)
    view = NoticeView(
        notice=str(notice), language=language, timezone=timezone, company=company, key=KEY, key_label=key_label,
        subject="Nota fiscal", status=STATUS, category=category, agent=AGENT, department="Suporte", due_at=DUE,
        created_at=AT, link=LINK, link_expires_at=AT + timedelta(days=30), recipient_name="Ana Souza",
        recipient_role="agent" if to_agent else "customer", comment=customer if to_agent else agent,
        previous=None if to_agent else customer, old_status="Status 7300", waits_for_customer=category == "waiting",
        closes_at=CLOSES, confirm_link=SECRET, commands=("#resolvido", "#assumir"), reason=_reason(notice),
        organisation="Clínica Boa Vista", requester_name="Ana Souza", requester_address="ana@cliente.test",
        event="commented", score=4, recipient_address="ana@cliente.test", unsubscribe="" if to_agent else UNSUBSCRIBE,
    )  # fmt: skip
    return replace(view, **_more(notice, agent, customer))


def _reason(notice: Notice) -> str:
    return {Notice.CONFIRM: "unproven", Notice.COMMAND_ERROR: "unknown", Notice.N20: "unknown_sender"}.get(notice, "")


def _more(notice: Notice, agent: CommentView, customer: CommentView) -> dict[str, Any]:
    rows = (
        RowView(KEY, "Nota fiscal", STATUS, "Ana Souza", AGENT, DUE, False, LINK),
        RowView("SUP-90418", "Boleto", STATUS, "Ana Souza", "", AT - timedelta(days=1), True, LINK),
    )
    figures = (FiguresView("", 31, 28, 2, 5400.0, 4.5, 11),)
    by_agent = (FiguresView(AGENT, 31, 28, 2, 5400.0, 4.5, 11),)
    buttons = ("solved", "not_solved")
    more: dict[Notice, dict[str, Any]] = {
        Notice.N1: {"articles": (ArticleView("Artigo 6114", ARTICLE),)},
        Notice.N7: {"steps": (StepView("Status 7302", AT + timedelta(days=7)), StepView("Status 7303", CLOSES))},
        Notice.N8: {"steps": (StepView("Status 7302", AT + timedelta(days=7)), StepView("Status 7303", CLOSES))},
        Notice.N9: {"actions": _buttons(*buttons), "comment": None},
        Notice.N10: {"actions": _buttons(*buttons)},
        Notice.N12: {"actions": _buttons("rate_5", "rate_1"), "rating": True, "survey_link": SURVEY, "comment": None},
        Notice.N14: {"rows": rows},
        Notice.N19: {"actions": _buttons("take", "ask_info")},
        Notice.AGENT_DIGEST: {"rows": rows},
        Notice.HELD_DIGEST: {"rows": (RowView("1f3a", "Boleto", "unknown_sender", "x@y.test", at=AT),)},
        Notice.AUDIT: {"rows": (RowView("seen", "", "31204", "31203"), RowView("strays", "", "1"))},
        Notice.ALARM: {"rows": (RowView("held", "", "180"), RowView("acks", "", "500"))},
        Notice.WEEKLY: {
            "figures": figures, "by_agent": by_agent, "since": AT - timedelta(days=7), "until": AT - timedelta(days=1),
        },
        Notice.CONFIRM: {"news": (NewsView("comment", "Ana Souza", AT, TEXT),)},
        Notice.ACK_DIGEST: {"related": (KEY,)},
        Notice.TICKET_DIGEST: {"told": (customer, agent), "more": 3, "comment": None},
        Notice.ACCOUNT: {"event": "address_changed", "problem": "nova@cliente.test"},
    }  # fmt: skip
    return more.get(notice, {})


def _buttons(*verbs: str) -> tuple[ActionView, ...]:
    return tuple(ActionView(verb, f"suporte+a{n:04}@example.test") for n, verb in enumerate(verbs))
