"""An agent's orders as actions: all of them, or none and what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mailgate.decide.common import Obeyed, acting_agent
from mailgate.decide.decision import (
    AddParticipant,
    Assign,
    BlockSender,
    Intent,
    JoinInto,
    Order,
    Resume,
    SetDue,
    SetField,
    SetRequester,
    SetStatus,
    Share,
)
from mailgate.decide.duedate import due
from mailgate.decide.facts import AgentFacts, BranchFacts, Facts, TicketFacts
from mailgate.decide.orders import participation
from mailgate.decide.ruling import Book
from mailgate.mail.addresses import normalise
from mailgate.tickets.workflow import fold
from store.vocabulary import Category, Role

_BY = "agent"
_PRIORITIES = {
    "low": "low baixa baja",
    "normal": "normal media",
    "high": "high alta",
    "urgent": "urgent urgente critica",
}


_NONE = frozenset({"none", "nenhum", "sem", "ninguno"})
_NOBODY = frozenset({"nobody", "ninguem", "nadie"})


def priority_of(words: str) -> str | None:
    """The priority meant by its key or by its name in three languages."""
    wanted = fold(words)
    return next((key for key, names in _PRIORITIES.items() if wanted in names.split()), None)


def obey(facts: Facts, intent: Intent, ticket: TicketFacts, book: Book) -> Obeyed:
    """The actions of an agent's orders on a ticket; with a problem there are none."""
    done = Obeyed()
    for one in intent.orders:
        problem = _HANDLERS[one.verb](facts, one, ticket, book, done)
        if problem:
            return Obeyed(problem=f"{problem}:{one.written}")
    return done


_Handler = Callable[[Facts, Order, TicketFacts, Book, Obeyed], str]


def _take(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    done.actions.append(Assign(acting_agent(facts), _BY))
    return ""


def _assign(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    if fold(one.argument) in _NOBODY:
        done.actions.append(Assign(None, _BY))
        return ""
    agent = find_agent(facts.agents, one.argument)
    if agent is None:
        return "who"
    done.actions.append(Assign(agent.id, _BY))
    return ""


def _due(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    if fold(one.argument) in _NONE:
        done.actions.append(SetDue(None, "", _BY))
        return ""
    found = due(one.argument, facts.now, book.names.timezone)
    if found is None:
        return "when"
    done.actions.append(SetDue(found[0], found[1], _BY))
    return ""


def _priority(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return _field("priority", priority_of(one.argument), done)


def _department(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return _field("department", named(book.names.departments, one.argument), done)


def _topic(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return _field("topic", named(book.names.topics, one.argument), done)


def _tag(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return _field("tags", one.argument, done)


def _fill(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return _field("fields", one.argument, done)


def _field(name: str, key: str | None, done: Obeyed) -> str:
    if key is None:
        return "what"
    done.actions.append(SetField(name, (key,), _BY))
    return ""


def _participant(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    words, contributes = participation(one)
    address = outsider(facts, words)
    if not address:
        return "address"
    done.actions.append(AddParticipant(address, "", _BY, contributes=contributes, renew=True))
    return ""


def _branch(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    found = find_branch(facts.branches, one.argument)
    if found is None:
        return "branch"
    done.actions.append(Share("", (found.id,), _BY))
    return ""


def _requester(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    address = outsider(facts, one.argument)
    if not address:
        return "address"
    done.actions.append(SetRequester(address, "", _BY))
    return ""


def _join(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    """Only into a ticket of the same customer or organisation: what was said is read by the people of the other one."""
    key = one.argument.strip("[]() ").upper()
    into = next((t for t in facts.named if t.key == key and t.id != ticket.id), None)
    if into is None:
        return "ticket"
    theirs, ours = into.requester, ticket.requester
    colleagues = theirs.organisation_id is not None and theirs.organisation_id == ours.organisation_id
    if theirs.id != ours.id and not colleagues:
        return "strangers"
    done.actions.append(JoinInto(into.id, into.key, _BY))
    return ""


def _canned(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    key = named(book.names.canned, one.argument)
    if key is None:
        return "what"
    agent = facts.agent.name if facts.agent is not None else ""
    text = canned_text(
        book.names.canned[key], ticket.language, facts.policy.locale, ticket.requester.name, ticket.key, agent
    )  # fmt: skip
    done.extra_text = f"{done.extra_text}\n\n{text}".strip()
    return ""


def canned_text(
    texts: Mapping[str, str], language: str, locale: str, customer: str, key: str, agent: str
) -> str:  # fmt: skip
    """A prepared answer in the customer's language, with the names filled in."""
    text = texts.get(language) or texts.get(locale) or next(iter(texts.values()))
    name = customer if "@" not in customer else ""
    if not name:  # `Olá, {customer}!` to somebody whose name nobody knows is `Olá!`
        text = text.replace(", {customer}", "").replace(" {customer}", "")
    for mark, value in (("{customer}", name), ("{key}", key), ("{agent}", agent)):
        text = text.replace(mark, value)
    return text


def _spam(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    closed = next((key for key, s in book.workflow.states.items() if s.category is Category.CLOSED), None)
    solved = next((key for key, s in book.workflow.states.items() if s.category is Category.SOLVED), None)
    target = closed or solved
    if target is not None:
        done.actions.append(SetStatus(target, "spam", Role.AGENT))
    done.actions.append(BlockSender(_BY))
    return ""


def _send(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return _waiting(facts, "confirmed", done)


def _discard(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return _waiting(facts, "dropped", done)


def _waiting(facts: Facts, how: str, done: Obeyed) -> str:
    if facts.waiting is None:
        return "nothing_waits"
    done.actions.append(Resume(facts.waiting, how, _BY))
    return ""


def _why(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    done.why = True
    return ""


def _help(facts: Facts, one: Order, ticket: TicketFacts, book: Book, done: Obeyed) -> str:
    return "help"


_HANDLERS: dict[str, _Handler] = {
    "take": _take,
    "assign": _assign,
    "due": _due,
    "priority": _priority,
    "department": _department,
    "topic": _topic,
    "participant": _participant,
    "follower": _participant,
    "tag": _tag,
    "fill": _fill,
    "branch": _branch,
    "requester": _requester,
    "join": _join,
    "canned": _canned,
    "spam": _spam,
    "send": _send,
    "discard": _discard,
    "why": _why,
    "help": _help,
}


def find_agent(agents: tuple[AgentFacts, ...], words: str) -> AgentFacts | None:
    """The one agent meant by an address, a name or a first name; None when there is none or more than one."""
    wanted = fold(words)
    exact = [a for a in agents if wanted in (fold(a.address), fold(a.name))]
    first = [a for a in agents if fold(a.name).split()[:1] == [wanted] or a.address.partition("@")[0] == wanted]
    found = exact or first
    return found[0] if len(found) == 1 else None


def find_branch(branches: tuple[BranchFacts, ...], words: str) -> BranchFacts | None:
    """The one branch meant by its name, or by the beginning of it; None when there is none or more than one."""
    wanted = fold(words)
    found = [b for b in branches if fold(b.name) == wanted] or [b for b in branches if fold(b.name).startswith(wanted)]
    return found[0] if len(found) == 1 and wanted else None


def named(things: Mapping[str, Mapping[str, str]], words: str) -> str | None:
    """The key meant by a key or by a label in any language."""
    wanted = fold(words)
    for key, labels in things.items():
        if fold(key) == wanted or any(fold(label) == wanted for label in labels.values()):
            return key
    return None


def outsider(facts: Facts, words: str) -> str:
    """The address of somebody who is none of ours, "" for anything else."""
    address = words.strip("<>()[],; ")
    local, at, domain = address.rpartition("@")
    if not at or not local or "." not in domain or " " in address:
        return ""
    address = normalise(address)
    ours = any(a.address == address for a in facts.agents) or address in facts.own_addresses
    return "" if ours else address
