"""Facts to decide about, told by their difference from an ordinary mail of Ana on the ticket SUP-1."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from mailgate.authn.results import AuthResults
from mailgate.company import load_company
from mailgate.decide.decision import Decision
from mailgate.decide.facts import (
    ActionFacts,
    AgentFacts,
    Candidate,
    ContactFacts,
    Facts,
    MailFacts,
    Policy,
    TicketFacts,
)
from mailgate.decide.ruling import Book
from mailgate.links.tokens import ReplyIdentity
from mailgate.mail.message import Address
from mailgate.resources import data_folder
from store.vocabulary import Category, Channel, Notice, Road, Role

NOW = datetime(2025, 11, 5, 13, 22, tzinfo=UTC)
SUPPORT = "suporte@example.test"
ANA = ContactFacts(11, "Ana Souza", "ana@cliente.test", "pt-BR", organisation_id=1)
CARMEN = ContactFacts(12, "Carmen Ruiz", "carmen@cliente.test", "es", organisation_id=1)
DIEGO = ContactFacts(13, "Diego", "diego@outra.test", None)
BRUNO = AgentFacts(21, "Bruno", "bruno@example.test", "agent", ("suporte",))
BIA = AgentFacts(22, "Bia", "bia@example.test", "manager", ("suporte",), "en")

PROVEN = AuthResults(dkim="pass", dkim_domain="example.test", aligned=True, reason="proven: DKIM signature")
UNPROVEN = AuthResults(reason="not proven")
SPF_OF_ANOTHER = AuthResults(spf="pass", spf_domain="evil.test", reason="SPF pass for evil.test (another organisation)")
DKIM_OF_ANOTHER = AuthResults(dkim="pass", dkim_domain="evil.test", reason="DKIM pass for evil.test")


@cache
def book(preset: str = "centrium") -> Book:
    """The rules and the workflow that a preset ships."""
    folder = data_folder("config") / "presets" / preset
    company = load_company(folder, folder, timezone="America/Sao_Paulo", departments=["suporte"])
    return Book(company.rules, company.workflow, topics=company.topics, people=company.people)


def ticket(number: int = 1, status: str = "aberto", *, preset: str = "centrium", **values: Any) -> TicketFacts:
    """Ana's ticket SUP-1, open, nobody's; its id is 100 more than its number."""
    category = book(preset).workflow.category(status) if status in book(preset).workflow.states else Category.OPEN
    base = TicketFacts(
        id=100 + number, number=number, key=f"SUP-{number}", subject="Nota recusada", status=status,
        category=str(category), department="suporte", topic="", priority="normal", tags=(), version=3,
        language="pt-BR", address=SUPPORT, verified=True, requester=ANA, agent_id=None, participants=(), addresses=(),
        created_at=NOW - timedelta(days=2), due_at=None, status_since=NOW - timedelta(days=1),
        last_customer_at=NOW - timedelta(days=1), last_agent_at=None,
    )  # fmt: skip
    return replace(base, **values)


def by_token(of: TicketFacts, person: ContactFacts | AgentFacts, notice: Notice | None = None) -> Candidate:
    """The reply address of a person's copy was written to."""
    role = Role.AGENT if isinstance(person, AgentFacts) else Role.CUSTOMER
    identity = ReplyIdentity(of.number, person.id, role, 1, notice or (Notice.N19 if role is Role.AGENT else Notice.N1))
    return Candidate(of.id, "reply_identity", "suporte+token…", identity)


def by_key(of: TicketFacts) -> Candidate:
    """The subject names the ticket."""
    return Candidate(of.id, "subject_key", of.key)


def by_their_id(of: TicketFacts) -> Candidate:
    """In-Reply-To names the customer's own earlier mail."""
    return Candidate(of.id, "their_message_id", "m1@cliente.test")


def by_our_id(of: TicketFacts) -> Candidate:
    """In-Reply-To names a mail of ours."""
    return Candidate(of.id, "our_message_id", "token.1@example.test")


def mail_from(author: str = ANA.address, text: str = "Segue o log.", **values: Any) -> MailFacts:
    """A person's mail to the support address, by SMTP, unproven."""
    who = Address(values.pop("name", ""), author) if author else None
    base = MailFacts(
        road=Road.SMTP, received_at=NOW, date=NOW, mail_from=author, rcpt_tos=(SUPPORT,), own_address=SUPPORT,
        department="suporte", author=who, from_=who, reply_to=(), to=(Address("", SUPPORT),), cc=(),
        subject="Nota recusada", message_id="m2@cliente.test", in_reply_to=None, references=(), keys=(), kind="human",
        kind_reason="", may_answer=True, bounce=None, bounce_identity=None, language="pt-BR", reply=text,
        attachment_names=(), auth=UNPROVEN, auth_user="", over_limit="", defects=(),
    )  # fmt: skip
    return replace(base, **values)


def facts(mail: MailFacts | None = None, *tickets: TicketFacts, **values: Any) -> Facts:
    """What is known about a mail: its author is looked up among Ana, Carmen, Diego, Bruno and Bia."""
    if mail is not None and mail.author is not None:
        address = mail.author.address
        values.setdefault("agent", next((a for a in (BRUNO, BIA) if a.address == address), None))
        if values["agent"] is None:
            values.setdefault("sender", next((c for c in (ANA, CARMEN, DIEGO) if c.address == address), None))
    values.setdefault("policy", Policy("SUP"))
    values.setdefault("agents", (BIA, BRUNO))
    return Facts(NOW, mail=mail, tickets=tickets, own_addresses=(SUPPORT,), **values)


def customer_on_page(text: str = "Segue o log.", who: ContactFacts = ANA) -> ActionFacts:
    """A customer writes on the ticket's page."""
    return ActionFacts("comment", Role.CUSTOMER, Channel.PORTAL, who.id, who.name, who.address, "portal", text)


def agent_at_terminal(verb: str = "reply", text: str = "", status: str = "", **values: Any) -> ActionFacts:
    """Bruno at the command line."""
    return ActionFacts(
        verb, Role.AGENT, Channel.CLI, BRUNO.id, BRUNO.name, BRUNO.address, "terminal", text, status, **values
    )


def done(decision: Decision, kind: type[Any]) -> list[Any]:
    """The actions of one kind that a decision has, in order."""
    return [action for action in decision.actions if isinstance(action, kind)]
