"""What an agent sets of a ticket at a terminal, and whom people let follow one: names found, with what was meant.

The change itself goes the line of a mail's commands: all of it, or nothing and a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decision import Order
from mailgate.decide.duedate import due
from mailgate.decide.facts import ActionFacts
from mailgate.decide.obey import named, priority_of
from mailgate.decide.ruling import Book
from mailgate.errors import DataError, NotAllowed
from mailgate.flows.customer import Done, act
from mailgate.flows.seeing import may_see_ticket, only_follows
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise, parse_address
from mailgate.tickets import forms
from mailgate.yamlfile import did_you_mean
from store import people, tickets
from store.vocabulary import PRIORITIES, Channel, Role

_MOST_TAG = 60
_CLEARED = ("none", "nenhum")
_ORDERS = {"department": "department", "topic": "topic", "priority": "priority", "due": "due", "agent": "assign"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be set, as a person writes it; "" and () leave things as they are.

    status, department, topic, priority: a key or a label in any language. due: as after `#prazo`, or `none`. agent: an
    address or a name, or `nobody`. fields: `key=value` of the topic's form; an empty value clears it.
    """

    status: str = ""
    department: str = ""
    topic: str = ""
    priority: str = ""
    due: str = ""
    agent: str = ""
    tags: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


def change(site: Site, key: str, agent_address: str, wanted: Wanted) -> Done:
    """Set things of a ticket at once.

    Raises DataError with what was perhaps meant (no such ticket, status, topic, …) and NotAllowed (not an agent, the
    workflow has no such way).
    """

    def work(connection: Connection) -> Done:
        agent, ticket = _agent(connection, agent_address), _ticket(connection, key)
        book = site.book()
        status = _status(site, wanted.status, agent.language)
        if status and not book.workflow.can_set(ticket.status, status, "agent"):
            raise NotAllowed(f"the workflow has no way from {ticket.status} to {status} for an agent")
        orders = _orders(site, book, connection, ticket, wanted)
        return act(connection, site, _action("change", agent, orders, status), ticket.id, None)

    return site.writer.call(work)


def let_follow(site: Site, key: str, agent_address: str, address: str, *, contributes: bool = True) -> Done:
    """An agent lets somebody follow a ticket, as contributor (also answers) or as follower (only reads); N15 tells.

    Whoever follows already does so in this way from now on. Raises DataError (no such ticket, no address, one of ours)
    and NotAllowed (not an agent).
    """

    def work(connection: Connection) -> Done:
        agent, ticket = _agent(connection, agent_address), _ticket(connection, key)
        order = _follow(site, connection, address, contributes)
        return act(connection, site, _action("change", agent, (order,)), ticket.id, None)

    return site.writer.call(work)


def add_colleague(
    site: Site, ticket_id: int, contact_id: int, address: str, *, contributes: bool = True, via: str = "portal"
) -> Done:
    """A customer lets a colleague follow a ticket that he sees, as contributor or as follower (R035, R091).

    address: of somebody of his own organisation: a contact of it, or an address of one of its domains. Raises
    DataError (no address, no such ticket) and NotAllowed (does not see it, only reads it, not of his organisation).
    """

    def work(connection: Connection) -> Done:
        contact = people.contact(connection, contact_id)
        ticket = next(iter(tickets.by_ids(connection, [ticket_id])), None)
        if ticket is None:
            raise DataError("this ticket is gone")
        if contact is None or not may_see_ticket(connection, site, contact_id, ticket)[0]:
            raise NotAllowed("may not see this ticket")
        if only_follows(connection, ticket_id, contact_id):
            raise NotAllowed("who only follows a ticket adds nobody to it")
        order = _follow(site, connection, address, contributes)
        if not _is_colleague(connection, contact, order.argument):
            raise NotAllowed(f"{order.argument} is not of the same organisation")
        action = ActionFacts(
            "participant", Role.CUSTOMER, Channel.PORTAL, contact.id, contact.name, contact.address, via,
            orders=(order,),
        )  # fmt: skip
        return act(connection, site, action, ticket_id, contact_id)

    return site.writer.call(work)


def key_of(what: str, words: str, things: Mapping[str, Mapping[str, str]], language: str) -> str:
    """The key of a department or topic meant by a key or a label. Raises DataError with what there is."""
    found = named(things, words)
    if found is None:
        labels = [str(one.get(language) or next(iter(one.values()), key)) for key, one in things.items()]
        hint = did_you_mean(words, (*labels, *things))
        raise DataError(f"there is no {what} {words!r}{hint}; there are {', '.join(things) or 'none'}")
    return found


def priority(words: str) -> str:
    """The key of a priority. Raises DataError."""
    found = priority_of(words)
    if found is None:
        hint = did_you_mean(words, (*PRIORITIES, "baixa", "media", "alta", "urgente"))
        raise DataError(f"there is no priority {words!r}{hint}; there are {', '.join(reversed(PRIORITIES))}")
    return found


# --- what the words mean ---------------------------------------------------------------------------------------------


def _orders(site: Site, book: Book, connection: Connection, ticket: Row[Any], wanted: Wanted) -> tuple[Order, ...]:
    locale, words = site.policy.locale, {name: str(getattr(wanted, name)).strip() for name in _ORDERS}
    if words["department"]:
        words["department"] = key_of("department", words["department"], book.names.departments, locale)
    if words["topic"]:
        words["topic"] = key_of("topic", words["topic"], book.names.topics, locale)
    if words["priority"]:
        words["priority"] = priority(words["priority"])
    if words["due"] and words["due"] not in _CLEARED and due(words["due"], site.clock(), book.names.timezone) is None:
        raise DataError(f"{words['due']!r} is no time to come; write 20/12, tomorrow 14h, 4h, 2bd, or none")
    if words["agent"] and words["agent"] != "nobody":
        words["agent"] = _assignee(connection, words["agent"])
    orders = [Order(verb, words[name], f"{name} {words[name]}") for name, verb in _ORDERS.items() if words[name]]
    orders += [Order("tag", tag, f"tag {tag}") for tag in _tags(wanted.tags)]
    topic = words["topic"] or str(ticket.topic)
    orders += [Order("fill", pair, f"field {pair}") for pair in _fields(site, book, topic, wanted.fields)]
    return tuple(orders)


def _tags(tags: Sequence[str]) -> list[str]:
    found = [" ".join(tag.split()) for tag in tags]
    for tag in found:
        if not tag or len(tag) > _MOST_TAG:
            raise DataError(f"{tag[:_MOST_TAG]!r} is no tag; write one of up to {_MOST_TAG} characters")
    return found


def _fields(site: Site, book: Book, topic: str, pairs: Sequence[str]) -> list[str]:
    """`key=value` as the form keeps it."""
    known = book.topics.topics.get(topic)
    asked = {one.key: one for one in known.fields if one.kind != "file"} if known is not None else {}
    found = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise DataError(f"{pair!r} is no field; write it like versao=8.2")
        if key not in asked:
            there = f"there are {', '.join(asked)}" if asked else f"the topic {topic or 'of this ticket'} has none"
            raise DataError(f"there is no field {key!r}{did_you_mean(key, asked)}; {there}")
        if not value.strip():
            found.append(f"{key}=")
            continue
        local = site.clock().astimezone(book.clock.local(site.clock()).tzinfo).date()
        filled = forms.read(asked[key], value, local)
        if filled.problem:
            choices = asked[key].choices
            hint = did_you_mean(value.strip(), choices) + f"; it can be {', '.join(choices)}" if choices else ""
            raise DataError(f"{value.strip()!r} does not fit the field {key} ({asked[key].kind}){hint}")
        found.append(f"{key}={filled.value}")
    return found


def _status(site: Site, words: str, language: str | None) -> str:
    if not words:
        return ""
    workflow = site.book().workflow
    found = workflow.find_status(words, language)
    if found is None:
        labels = list(workflow.labels(site.policy.locale).values())
        hint = did_you_mean(words, (*labels, *workflow.states))
        raise DataError(f"there is no status {words!r}{hint}; there are {', '.join(labels)}")
    return found


def _assignee(connection: Connection, words: str) -> str:
    everyone = people.agents(connection)
    wanted = words.casefold()
    found = [a for a in everyone if wanted in (a.address.casefold(), a.name.casefold())]
    found = found or [a for a in everyone if a.name.casefold().split()[:1] == [wanted]]
    if len(found) != 1:
        hint = did_you_mean(words, [*(a.address for a in everyone), *(a.name for a in everyone)])
        there = ", ".join(a.address for a in everyone)
        raise DataError(f"there is no agent {words!r}{hint}; there are {there}")
    return str(found[0].address)


def _follow(site: Site, connection: Connection, address: str, contributes: bool) -> Order:
    parsed = parse_address(address.strip())
    if parsed is None or not parsed.domain or " " in parsed.address:
        raise DataError(f"{address!r} is not an address; write it like ana@cliente.test")
    plain = normalise(parsed.address)
    if site.is_ours(plain) or people.agent_by_address(connection, plain) is not None:
        raise DataError(f"{plain} is one of ours")
    return Order("participant" if contributes else "follower", plain, f"participant {plain}")


def _is_colleague(connection: Connection, contact: Row[Any], address: str) -> bool:
    if contact.organisation_id is None:
        return False
    known = people.contact_by_address(connection, address)
    if known is not None and known.organisation_id is not None:
        return bool(known.organisation_id == contact.organisation_id)
    return people.organisation_of(connection, address) == int(contact.organisation_id)


def _agent(connection: Connection, address: str) -> Row[Any]:
    found = people.agent_by_address(connection, normalise(address))
    if found is None:
        raise NotAllowed(f"{address} is not an agent")
    return found


def _ticket(connection: Connection, key: str) -> Row[Any]:
    found = tickets.by_key(connection, key)
    if found is None:
        raise DataError(f"there is no ticket {key}")
    return found


def _action(verb: str, agent: Row[Any], orders: tuple[Order, ...], status: str = "") -> ActionFacts:
    return ActionFacts(
        verb, Role.AGENT, Channel.CLI, agent.id, agent.name, agent.address, "terminal", status=status, orders=orders
    )
