"""`mailgate ticket`: the agent at a terminal. What he does goes the same line as his mail would (`flows.customer`)."""

from __future__ import annotations

import mimetypes
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailgate.cli.common import (
    ConfigOption,
    JsonOption,
    NoInput,
    address_of,
    clean,
    house,
    print_facts,
    print_json,
    print_table,
    print_text,
    say,
    text_of,
    when,
)
from mailgate.errors import DataError, UsageError
from mailgate.yamlfile import did_you_mean

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from mailgate.app import House
    from mailgate.flows.customer import Done
    from mailgate.mail.message import Attachment
    from mailgate.settings import Settings

app = typer.Typer(help="The agent at a terminal.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Which ticket: SUP-123.")]
AgentOption = Annotated[
    str, typer.Option("--agent", metavar="ADDRESS", envvar="MAILGATE_AGENT", help="Who does it: an agent's address.")
]
TextOption = Annotated[str, typer.Option("--text", help="What to say; `-` reads standard input.")]
AttachOption = Annotated[list[Path] | None, typer.Option("--attach", metavar="FILE", help="May be repeated.")]
PriorityOption = Annotated[str, typer.Option(help="low, normal, high or urgent; baixa, alta, urgente.")]
TopicOption = Annotated[str, typer.Option(metavar="KEY_OR_LABEL", help="The topic.")]
DepartmentOption = Annotated[str, typer.Option(metavar="KEY_OR_LABEL", help="Whose work it is.")]
StatusOption = Annotated[str, typer.Option("--status", metavar="KEY_OR_LABEL", help="The status to set with it.")]


class By(StrEnum):
    """How a ticket that an agent opens came about."""

    CLI = "cli"
    PHONE = "phone"


@app.command("list")
def list_(
    config: ConfigOption = None,
    status: Annotated[
        list[str] | None, typer.Option(metavar="KEY_OR_LABEL", help="Only these; may be repeated.")
    ] = None,
    agent: Annotated[str, typer.Option(metavar="ADDRESS", help="Only this agent's.")] = "",
    words: Annotated[str, typer.Option(help="Only those with this in subject, key or the customer's address.")] = "",
    seen_by: Annotated[str, typer.Option(metavar="ADDRESS", help="Only what this customer's person may see.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """List tickets, the last changed first.

    Example: mailgate ticket list --status "Com cliente" --agent bruno@example.com
    """
    from mailgate.mail.addresses import normalise
    from store import people, tickets

    with house(config) as opened, opened.database.read() as connection:
        wanted = [_status(opened, word) for word in status or []]
        person = people.agent_by_address(connection, normalise(agent)) if agent else None
        if agent and person is None:
            raise DataError(f"there is no agent {agent}")
        agent_id = person.id if person is not None else None
        rows = tickets.listing(connection, statuses=wanted, agent_id=agent_id, words=clean(words), limit=limit)
        if seen_by:
            rows = _seen_by(opened, connection, seen_by, rows)
        workflow, settings = opened.site.book().workflow, opened.settings
        if json:
            for row in rows:
                print_json(_values(row))
            return
        shown = [
            (r.key, workflow.label(r.status, settings.locale), r.subject, r.requester_address, r.agent_name,
             when(r.due_at, settings), when(r.updated_at, settings))
            for r in rows
        ]  # fmt: skip
        print_table(("Key", "Status", "Subject", "Requester", "Agent", "Due", "Changed"), shown)


@app.command()
def show(
    key: KeyArgument,
    config: ConfigOption = None,
    events: Annotated[bool, typer.Option("--events", help="Also what happened to it, in order.")] = False,
    json: JsonOption = False,
) -> None:
    """Show a ticket with its conversation, notes marked.

    Example: mailgate ticket show SUP-123
    """
    from store import outbox, tickets

    with house(config) as opened, opened.database.read() as connection:
        ticket = tickets.by_key(connection, clean(key))
        if ticket is None:
            raise DataError(f"there is no ticket {key}")
        comments = tickets.comments(connection, ticket.id)
        files = tickets.attachments(connection, [c.id for c in comments])
        people = tickets.participants(connection, [ticket.id])
        history = tickets.events(connection, ticket.id)
        notices = outbox.of_ticket(connection, ticket.id)
        if json:
            told = [{"notice": n.notice, "recipient": n.recipient, "state": n.state} for n in notices]
            value = _values(ticket) | {
                "participants": [
                    {"name": p.name, "address": p.address, "contributes": p.contributes, "told": p.told} for p in people
                ],
                "comments": [_comment(c, [f for f in files if f.comment_id == c.id]) for c in comments],
                "events": [{"at": e.at, "kind": e.kind, "actor": e.actor, "data": e.data} for e in history],
                "notices": told,
            }
            print_json(value)
            return
        follow = ", ".join(p.address + ("" if p.contributes else " (follower)") for p in people)
        _show_head(opened, ticket, follow)
        for comment in comments:
            _show_comment(opened.settings, comment, [f for f in files if f.comment_id == comment.id])
        if events:
            rows = [(when(e.at, opened.settings), e.kind, e.actor or e.role, _told(e.data)) for e in history]
            print_table(("When", "What", "Who", ""), rows)


@app.command("open")
def open_(
    agent: AgentOption,
    contact: Annotated[str, typer.Option(metavar="ADDRESS", help="The customer, who gets a link to the ticket.")],
    subject: Annotated[str, typer.Option(help="What it is about.")],
    text: TextOption,
    config: ConfigOption = None,
    name: Annotated[str, typer.Option(help="The customer's name, for one we do not know.")] = "",
    channel: Annotated[By, typer.Option(help="How it came to us.")] = By.CLI,
    attach: AttachOption = None,
    priority: PriorityOption = "",
    topic: TopicOption = "",
    department: DepartmentOption = "",
    json: JsonOption = False,
) -> None:
    """Open a ticket in a customer's name.

    Example: mailgate ticket open --agent bruno@example.com --channel phone --contact ana@cliente.com --name Ana \
--subject "Nota não emite" --text "Ligou às 10h: a nota 123 não é emitida." --priority alta
    """
    from mailgate.flows import changing, customer
    from store.vocabulary import Channel

    with house(config) as opened:
        said = text_of(text, opened.settings.limits.text_bytes)
        about = " ".join(clean(subject).split())
        if not about:
            raise UsageError("there is no subject: write it after --subject")
        names, locale = opened.site.book().names, opened.settings.locale
        there = names.departments
        done = customer.open_ticket(
            opened.site,
            address_of(contact),
            " ".join(clean(name).split()),
            about,
            said,
            clean(agent),
            channel=Channel(channel.value),
            department=changing.key_of("department", clean(department), there, locale) if department else "",
            topic=changing.key_of("topic", clean(topic), names.topics, locale) if topic else "",
            priority=changing.priority(clean(priority)) if priority else "",
            files=_stored(opened, attach),
        )
        _report(opened, done, json)


@app.command()
def reply(
    key: KeyArgument,
    agent: AgentOption,
    text: TextOption,
    config: ConfigOption = None,
    status: StatusOption = "",
    attach: AttachOption = None,
    json: JsonOption = False,
) -> None:
    """Answer the customer; 0 once it is committed, whatever becomes of the mail.

    Example: mailgate ticket reply SUP-123 --agent bruno@example.com --text "Resolvido." --status resolvido
    """
    _act(config, key, agent, "reply", json, text=text, status=status, attach=attach)


@app.command()
def note(
    key: KeyArgument,
    agent: AgentOption,
    text: TextOption,
    config: ConfigOption = None,
    status: StatusOption = "",
    attach: AttachOption = None,
    json: JsonOption = False,
) -> None:
    """Add an internal note, which no customer sees.

    Example: mailgate ticket note SUP-123 --agent bruno@example.com --text - < nota.txt
    """
    _act(config, key, agent, "note", json, text=text, status=status, attach=attach)


@app.command()
def assign(
    key: KeyArgument,
    agent: AgentOption,
    config: ConfigOption = None,
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Who gets it; by default who does it.")] = "",
    json: JsonOption = False,
) -> None:
    """Give a ticket to an agent.

    Example: mailgate ticket assign SUP-123 --agent bruno@example.com --to carla@example.com
    """
    _act(config, key, agent, "assign", json, assign_to=to or agent)


@app.command("set")
def set_(
    key: KeyArgument,
    agent: AgentOption,
    status: Annotated[str, typer.Option(metavar="KEY_OR_LABEL", help="The status, as far as the workflow lets.")] = "",
    priority: PriorityOption = "",
    topic: TopicOption = "",
    department: DepartmentOption = "",
    due: Annotated[str, typer.Option(help='When it is looked at next: "20/12", "amanhã 14h", 4h, 2bd; none.')] = "",
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Whose it is: an agent's address or name; nobody.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag more; may be repeated.")] = None,
    field: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A field of the topic's form; may be repeated.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Set things of a ticket: all that is named, or nothing.

    Example: mailgate ticket set SUP-123 --agent bruno@example.com --status "Com cliente" --priority alta --due "20/12"
    """
    from mailgate.flows.changing import Wanted, change

    wanted = Wanted(
        status=clean(status).strip(),
        department=clean(department).strip(),
        topic=clean(topic).strip(),
        priority=clean(priority).strip(),
        due=clean(due).strip(),
        agent=clean(to).strip(),
        tags=tuple(clean(one) for one in tag or ()),
        fields=tuple(clean(one) for one in field or ()),
    )
    if wanted == Wanted():
        raise UsageError("there is nothing to set: write --status, --priority, --topic, --department, --due, --to, …")
    with house(config) as opened:
        _report(opened, change(opened.site, clean(key), clean(agent), wanted), json)


participants = typer.Typer(help="Who follows a ticket.", no_args_is_help=True)
app.add_typer(participants, name="participant")


@participants.command("add")
def add_participant(
    key: KeyArgument,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who follows it from now on, and is told.")],
    agent: AgentOption,
    follower: Annotated[
        bool, typer.Option("--follower", help="Only reads; without it the person also answers.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let somebody follow a ticket; whoever follows already does so in this way from now on.

    Example: mailgate ticket participant add SUP-123 maria@cliente.com --agent bruno@example.com --follower
    """
    from mailgate.flows.changing import let_follow

    with house(config) as opened:
        done = let_follow(opened.site, clean(key), clean(agent), address_of(address), contributes=not follower)
        _report(opened, done, json)


@app.command()
def bell(
    key: KeyArgument,
    contact: Annotated[str, typer.Option(metavar="ADDRESS", help="For whom.")],
    config: ConfigOption = None,
    on: Annotated[bool, typer.Option("--on/--off", help="Whether the person is told what goes on.")] = True,
) -> None:
    """Ring a ticket's bell for a customer's person, or silence it.

    Example: mailgate ticket bell SUP-123 --contact ana@cliente.com --off
    """
    from mailgate.flows.following import set_bell

    with house(config) as opened:
        changed = set_bell(opened.site, clean(key), address_of(contact), on=on)
        say(f"{contact} {'is told' if on else 'is told no more'}" if changed else "it was so already")


# --- doing -----------------------------------------------------------------------------------------------------------


def _act(
    config: Path | None, key: str, agent: str, verb: str, json: bool, *, text: str | None = None, status: str = "",
    assign_to: str = "", attach: list[Path] | None = None,
) -> None:  # fmt: skip
    from mailgate.flows import customer

    with house(config) as opened:
        said = text_of(text, opened.settings.limits.text_bytes) if text is not None else ""
        done = customer.agent_action(
            opened.site,
            clean(key),
            clean(agent),
            verb,
            text=said,
            status=clean(status),
            assign_to=clean(assign_to),
            files=_stored(opened, attach),
        )
        _report(opened, done, json)


def _report(opened: House, done: Done, json: bool) -> None:
    if json:
        print_json({"key": done.key, "status": done.status, "notices": done.notices})
        return
    print(done.key)
    label = opened.site.book().workflow.label(done.status, opened.settings.locale)
    say(f"{done.key} is {label}; {done.notices} mail{'' if done.notices == 1 else 's'} to send")


def _stored(opened: House, paths: list[Path] | None) -> tuple[Attachment, ...]:
    """The files as blobs, before the transaction that names them; their bytes are on disk."""
    from mailgate.mail.attachments import of_bytes, safe_name

    files = []
    left: int = opened.settings.limits.message_bytes
    for number, path in enumerate(paths or [], 1):
        try:
            with path.open("rb") as file:
                content = file.read(left + 1)
        except OSError as error:
            raise NoInput(f"{path} cannot be read: {error.strerror}") from error
        left -= len(content)
        if left < 0:
            raise DataError("the files are larger than limits.message_bytes together")
        declared = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        file_ = of_bytes(content, declared, safe_name(clean(path.name)), number, False, None)
        opened.site.blobs.put(content, file_.sha256)
        files.append(replace(file_, content=b""))
    return tuple(files)


def _seen_by(opened: House, connection: Connection, address: str, rows: list[Row[Any]]) -> list[Row[Any]]:
    """Those that a contact may see."""
    from mailgate.flows.seeing import may_see_ticket
    from store import people

    contact = people.contact_by_address(connection, address_of(address))
    if contact is None:
        raise DataError(f"there is no contact {address}")
    return [row for row in rows if may_see_ticket(connection, opened.site, contact.id, row)[0]]


def _status(opened: House, word: str) -> str:
    workflow = opened.site.book().workflow
    found = workflow.find_status(clean(word), opened.settings.locale)
    if found is None:
        labels = list(workflow.labels(opened.settings.locale).values())
        hint = did_you_mean(word, (*labels, *workflow.states))
        raise DataError(f"there is no status {word!r}{hint}; there are {', '.join(labels)}")
    return found


# --- showing ---------------------------------------------------------------------------------------------------------


def _values(row: Row[Any]) -> dict[str, Any]:
    """A ticket for machines."""
    names = (
        "key",
        "status",
        "category",
        "subject",
        "department",
        "topic",
        "priority",
        "tags",
        "channel",
        "verified",
        "visibility",
        "fields",
    )
    return {name: getattr(row, name) for name in names} | {
        "requester": row.requester_address,
        "requester_name": row.requester_name,
        "agent": row.agent_address,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "due_at": row.due_at,
        "claims": row.claims or None,
    }


def _comment(row: Row[Any], files: list[Row[Any]]) -> dict[str, Any]:
    names = ("kind", "role", "channel", "author_name", "author_address", "verified", "created_at", "message_id")
    attached = ("filename", "content_type", "size_bytes", "sha256", "inline")
    return {name: getattr(row, name) for name in names} | {
        "text": row.reply or row.text,
        "attachments": [{name: getattr(f, name) for name in attached} for f in files],
    }


def _show_head(opened: House, ticket: Row[Any], participants: str) -> None:
    settings = opened.settings
    requester = f"{ticket.requester_name} <{ticket.requester_address}>"
    print_text(f"{ticket.key}  {ticket.subject}", style="bold")
    print_facts(
        [
            ("Status", opened.site.book().workflow.label(ticket.status, settings.locale)),
            ("Requester", requester + ("" if ticket.verified else " (not verified)")),
            ("Participants", participants),
            ("Agent", ticket.agent_name or "–"),
            ("Department", opened.site.department_labels(ticket.department, settings.locale)),
            ("Topic", ticket.topic),
            ("Priority", ticket.priority),
            ("Tags", ", ".join(ticket.tags)),
            ("Opened", when(ticket.created_at, settings)),
            ("Due", when(ticket.due_at, settings)),
            ("Claims", ticket.claims),
        ]
    )


def _show_comment(settings: Settings, comment: Row[Any], files: list[Row[Any]]) -> None:
    marks = [word for word, on in (("note", comment.kind == "note"), ("not verified", not comment.verified)) if on]
    said_by = comment.author_name or comment.author_address or "mailgate"
    head = f"\n{when(comment.created_at, settings)}  {said_by}" + (f"  [{', '.join(marks)}]" if marks else "")
    print_text(head, style="yellow" if comment.kind == "note" else "cyan")
    print_text((comment.reply or comment.text).strip() or "–")
    for file in files:
        print_text(f"  + {file.filename} ({file.content_type}, {file.size_bytes} bytes)")


def _told(data: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in data.items() if value not in (None, ""))
