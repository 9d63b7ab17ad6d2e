"""`mailgate contact`, `agent`, `organisation`: people, theirs and ours.

Contacts and organisations are rows. Agents stand in mailgate.yaml, and their rows follow it; their passwords for the
submission port stand hashed in its users file.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailgate.cli.common import (
    ConfigOption,
    JsonOption,
    address_of,
    clean,
    house,
    load,
    print_facts,
    print_json,
    print_table,
    say,
    when,
)
from mailgate.errors import DataError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

contacts = typer.Typer(help="Customers.", no_args_is_help=True)
agents = typer.Typer(help="Agents.", no_args_is_help=True)
organisations = typer.Typer(help="Customers' companies.", no_args_is_help=True)

_MOST = 1_000_000
_SHORTEST_PASSWORD = 8

LimitOption = Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many.")]
AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="Who.")]


class Language(StrEnum):
    """What we can write in."""

    PT_BR = "pt-BR"
    EN = "en"
    ES = "es"


class ContactRole(StrEnum):
    """light: own tickets. manager, master, sub_admin: as people.yaml says. third_party: from outside, own tickets."""

    LIGHT = "light"
    MANAGER = "manager"
    MASTER = "master"
    SUB_ADMIN = "sub_admin"
    THIRD_PARTY = "third_party"


class AgentRole(StrEnum):
    """What an agent may do besides answering."""

    AGENT = "agent"
    MANAGER = "manager"
    ADMIN = "admin"


# --- contacts --------------------------------------------------------------------------------------------------------


@contacts.command("add")
def contact_add(
    address: AddressArgument,
    config: ConfigOption = None,
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    language: Annotated[Language | None, typer.Option(help="What we write in.")] = None,
    organisation: Annotated[str, typer.Option(metavar="NAME", help="By default the one that has the domain.")] = "",
    role: Annotated[ContactRole, typer.Option(help="Whose tickets the person may see.")] = ContactRole.LIGHT,
    json: JsonOption = False,
) -> None:
    """Add a contact, so that mail from this address is not a stranger's.

    Example: mailgate contact add ana@cliente.com --name "Ana Souza" --organisation Cliente
    """
    from store import people

    wanted = address_of(address)
    with house(config) as opened:

        def work(connection: Connection) -> Row[Any]:
            if people.contact_by_address(connection, wanted) is not None:
                raise DataError(f"{wanted} is a contact already")
            if people.agent_by_address(connection, wanted) is not None:
                raise DataError(f"{wanted} is an agent")
            made = people.contact_for(
                connection, opened.site.ids.new(), wanted, " ".join(clean(name).split()) or wanted.partition("@")[0],
                language.value if language else None, opened.site.clock(),
            )  # fmt: skip
            values: dict[str, Any] = {"role": role.value}
            if organisation:
                values["organisation_id"] = _organisation(connection, organisation).id
            people.change_contact(connection, made.id, **values)
            return made

        opened.site.writer.call(work)
        if json:
            print_json({"address": wanted})
        else:
            print(wanted)


@contacts.command("list")
def contact_list(config: ConfigOption = None, limit: LimitOption = 200, json: JsonOption = False) -> None:
    """List contacts by address.

    Example: mailgate contact list --json
    """
    from store import people

    with house(config) as opened, opened.database.read() as connection:
        rows = people.contacts(connection, limit)
        if json:
            for row in rows:
                print_json(_contact(row, row.organisation))
            return
        shown = [(r.address, r.name, r.organisation, r.role, r.language, "" if r.active else "inactive") for r in rows]
        print_table(("Address", "Name", "Organisation", "Role", "Language", ""), shown)


@contacts.command("show")
def contact_show(address: AddressArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show a contact with the tickets that he opened.

    Example: mailgate contact show ana@cliente.com
    """
    from store import people, suppressions, tickets

    wanted = address_of(address)
    with house(config) as opened, opened.database.read() as connection:
        row = people.contact_by_address(connection, wanted)
        if row is None:
            raise DataError(f"there is no contact {wanted}")
        names = {o.id: o.name for o in people.organisations(connection)}
        organisation = names.get(row.organisation_id)
        own = [t for t in tickets.listing(connection, words=wanted, limit=1000) if t.requester_id == row.id]
        branch = {b.id: b.name for b in people.branches(connection)}.get(row.branch_id)
        more = people.more_addresses(connection, row.id)
        reach = suppressions.of(connection, [row.address]).get(row.address)
        until = reach.until if reach is not None and reach.until and reach.until > opened.site.clock() else None
        if json:
            rest = {"suppressed_until": until, "suppressed_for": reach.reason if reach is not None and until else None}
            named = [{"key": t.key, "status": t.status} for t in own]
            told = {"branch": branch, "more_addresses": list(more), "tickets": named}
            print_json(_contact(row, organisation) | rest | told)
            return
        print_facts(
            [
                ("Address", row.address),
                ("Name", row.name),
                ("Also", ", ".join(more)),
                ("Organisation", organisation),
                ("Branch", branch),
                ("Role", row.role),
                ("Language", row.language),
                ("WhatsApp", row.whatsapp or None),
                ("Active", "yes" if row.active else "no"),
                ("Since", when(row.created_at, opened.settings)),
                ("Proven", when(row.verified_at, opened.settings)),
                ("No notices until", f"{when(until, opened.settings)} ({reach.reason})" if reach and until else None),
            ]
        )
        print_table(("Ticket", "Status", "Subject"), [(t.key, t.status, t.subject) for t in own])


@contacts.command("probe")
def contact_probe(address: AddressArgument, config: ConfigOption = None) -> None:
    """Let the next notice to an address go out whose mails came back; if it comes back too, the address rests again.

    Example: mailgate contact probe ana@cliente.com
    """
    _reachable(address, config, probe=True)


@contacts.command("clear")
def contact_clear(address: AddressArgument, config: ConfigOption = None) -> None:
    """Forget that mails to an address came back: it gets every notice from now on.

    Example: mailgate contact clear ana@cliente.com
    """
    _reachable(address, config, probe=False)


def _reachable(address: str, config: Path | None, *, probe: bool) -> None:
    """Change what is known of an address. Raises DataError when nothing is."""
    from mailgate.flows.reaching import forget, let_one_pass

    wanted = address_of(address)
    with house(config) as opened:
        now = opened.site.clock()
        act = (lambda c: let_one_pass(c, wanted, now)) if probe else (lambda c: forget(c, wanted))
        if not opened.site.writer.call(act):
            raise DataError(f"no mail to {wanted} came back")
        say(f"the next notice to {wanted} goes out" if probe else f"{wanted} gets every notice again")


def _contact(row: Row[Any], organisation: str | None) -> dict[str, Any]:
    names = ("address", "name", "role", "may", "language", "active", "created_at", "verified_at", "whatsapp")
    return {name: getattr(row, name) for name in names} | {"organisation": organisation}


# --- organisations ---------------------------------------------------------------------------------------------------


@organisations.command("add")
def organisation_add(
    name: Annotated[str, typer.Argument(help="Its name.")],
    config: ConfigOption = None,
    domain: Annotated[list[str] | None, typer.Option(help="Who writes from here belongs to it; repeatable.")] = None,
    language: Annotated[Language | None, typer.Option(help="What we write in.")] = None,
    tier: Annotated[str, typer.Option(help="A word of your own, for rules.")] = "",
    json: JsonOption = False,
) -> None:
    """Add an organisation; contacts of its domains that have none become its own.

    Example: mailgate organisation add "Cliente Ltda" --domain cliente.com --domain cliente.com.br
    """
    from store import people

    named = " ".join(clean(name).split())
    domains = list(dict.fromkeys(_domain(one) for one in domain or []))
    if not named:
        raise UsageError("an organisation needs a name")
    with house(config) as opened:

        def work(connection: Connection) -> int:
            for other in people.organisations(connection):
                if other.name.casefold() == named.casefold():
                    raise DataError(f"there is an organisation {other.name} already")
                taken = set(other.domains) & set(domains)
                if taken:
                    raise DataError(f"{', '.join(sorted(taken))} belongs to {other.name} already")
            row_id = opened.site.ids.new()
            people.add_organisation(
                connection,
                {
                    "network": "", "cnpj": "",
                    "id": row_id, "name": named, "domains": domains, "tier": clean(tier),
                    "language": language.value if language else None, "created_at": opened.site.clock(),
                },
            )  # fmt: skip
            return people.join_organisation(connection, row_id, domains)

        joined = opened.site.writer.call(work)
        if json:
            print_json({"name": named, "domains": domains, "contacts": joined})
        else:
            print(named)
            say(f"{joined} contact{'' if joined == 1 else 's'} joined it")


@organisations.command("list")
def organisation_list(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List organisations by name.

    Example: mailgate organisation list
    """
    from store import people

    with house(config) as opened, opened.database.read() as connection:
        rows = people.organisations(connection)
        if json:
            for row in rows:
                print_json(_values_of_organisation(row))
            return
        print_table(
            ("Name", "Domains", "Tier", "Language"),
            [(r.name, ", ".join(r.domains), r.tier, r.language) for r in rows],
        )


@organisations.command("show")
def organisation_show(
    name: Annotated[str, typer.Argument(help="Its name.")], config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Show an organisation with its contacts.

    Example: mailgate organisation show "Cliente Ltda"
    """
    from store import people

    with house(config) as opened, opened.database.read() as connection:
        row = _organisation(connection, name)
        members = [c for c in people.contacts(connection, _MOST) if c.organisation_id == row.id]
        if json:
            print_json(_values_of_organisation(row) | {"contacts": [c.address for c in members]})
            return
        print_facts([("Name", row.name), ("Domains", ", ".join(row.domains)), ("Network", row.network),
                     ("CNPJ", row.cnpj), ("Tier", row.tier)])  # fmt: skip
        print_table(("Address", "Name", "Role"), [(c.address, c.name, c.role) for c in members])


def _organisation(connection: Connection, name: str) -> Row[Any]:
    from store import people

    wanted = clean(name).casefold().strip()
    for row in people.organisations(connection):
        if row.name.casefold() == wanted:
            return row
    raise DataError(f"there is no organisation {name}")


def _domain(text: str) -> str:
    found = address_of(f"x@{text.strip().removeprefix('@')}").rpartition("@")[2]
    if "." not in found:
        raise DataError(f"{text!r} is not a domain; write it like cliente.com")
    return found


def _values_of_organisation(row: Row[Any]) -> dict[str, Any]:
    return {
        name: getattr(row, name) for name in ("name", "domains", "network", "cnpj", "tier", "language", "created_at")
    }


# --- agents ----------------------------------------------------------------------------------------------------------


@agents.command("list")
def agent_list(
    config: ConfigOption = None,
    every: Annotated[bool, typer.Option("--all", help="Also those who left.")] = False,
    json: JsonOption = False,
) -> None:
    """List agents by address.

    Example: mailgate agent list
    """
    from store import people

    with house(config) as opened, opened.database.read() as connection:
        rows = people.agents(connection, active_only=not every)
        if json:
            for row in rows:
                print_json(_agent(row))
            return
        shown = [(r.address, r.name, r.role, ", ".join(r.departments), "" if r.active else "left") for r in rows]
        print_table(("Address", "Name", "Role", "Departments", ""), shown)


@agents.command("show")
def agent_show(address: AddressArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show an agent with the tickets that are his.

    Example: mailgate agent show bruno@example.com
    """
    from mailgate.ingest.submission import read_users
    from store import people, tickets

    wanted = address_of(address)
    with house(config) as opened, opened.database.read() as connection:
        row = next((a for a in people.agents(connection, active_only=False) if a.address == wanted), None)
        if row is None:
            raise DataError(f"there is no agent {wanted}")
        submission = opened.settings.submission
        can_log_in = submission is not None and wanted.lower() in read_users(submission.users_file)
        workflow = opened.site.book().workflow
        ended = ("solved", "closed")
        own = [t for t in tickets.listing(connection, agent_id=row.id, limit=1000) if t.category not in ended]
        if json:
            open_tickets = [{"key": t.key, "status": t.status} for t in own]
            print_json(_agent(row) | {"can_log_in": can_log_in, "tickets": open_tickets})
            return
        print_facts(
            [
                ("Address", row.address),
                ("Name", row.name),
                ("Role", row.role),
                ("Departments", ", ".join(row.departments)),
                ("Language", row.language),
                ("Active", "yes" if row.active else "no, left"),
                ("Submission", "has a password" if can_log_in else "has no password"),
            ]
        )
        shown = [(t.key, workflow.label(t.status, opened.settings.locale), t.subject) for t in own]
        print_table(("Ticket", "Status", "Subject"), shown)


@agents.command("add")
def agent_add(
    address: AddressArgument,
    name: Annotated[str, typer.Option(help="As customers read it.")],
    config: ConfigOption = None,
    department: Annotated[list[str] | None, typer.Option(help="Whose new tickets he is told of; repeatable.")] = None,
    role: Annotated[AgentRole, typer.Option(help="What he may do besides answering.")] = AgentRole.AGENT,
    language: Annotated[Language | None, typer.Option(help="What we write to him in.")] = None,
    json: JsonOption = False,
) -> None:
    """Add an agent to mailgate.yaml; its comments and everything else stay as they are.

    Example: mailgate agent add bruno@example.com --name Bruno --department suporte
    """
    from mailgate.cli import editing
    from mailgate.settings import find_config

    path = find_config(config, os.environ)
    wanted = address_of(address)
    entry: dict[str, Any] = {"name": " ".join(clean(name).split()), "address": wanted}
    entry["departments"] = list(dict.fromkeys(department or [])) or ["suporte"]
    entry["role"] = role.value
    if language is not None:
        entry["language"] = language.value
    editing.add_agent(path, entry)
    if json:
        print_json(entry)
    else:
        print(wanted)
    say(f"{wanted} stands in {path} now.")
    _take_over(path)


def _take_over(path: Path) -> None:
    """Let the database know at once, where there is one."""
    settings = load(path)
    if settings.is_sqlite and not (settings.data / "mailgate.sqlite").exists():
        return
    with house(path):
        say("Mail and commands know of the change already; restart `mailgate serve` when it suits.")


@agents.command("password")
def agent_password(
    address: AddressArgument,
    config: ConfigOption = None,
    users_file: Annotated[
        Path | None, typer.Option(help="By default `submission.users_file`, else the file users beside mailgate.yaml.")
    ] = None,
) -> None:
    """Set an agent's password for the submission port: asked for twice, or the first line of standard input.

    Example: mailgate agent password bruno@example.com
    """
    from mailgate.cli import editing
    from mailgate.ingest.submission import hash_password, read_users
    from mailgate.mail.addresses import normalise

    settings = load(config)
    wanted = address_of(address)
    if wanted.lower() not in {normalise(a.address).lower() for a in settings.agents}:
        raise DataError(f"{wanted} is not among the `agents` of mailgate.yaml; `mailgate agent add` puts him there")
    file = users_file or (settings.submission.users_file if settings.submission else settings.folder / "users")
    read_users(file)
    editing.set_user(file, wanted.lower(), hash_password(_password()))
    say(f"The password of {wanted} stands hashed in {file}; a running node reads it by itself.")


def _password() -> str:
    """A new password. Raises UsageError for none, DataError for one that is too short."""
    if sys.stdin.isatty():
        password: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.buffer.readline().decode("utf-8", "replace").rstrip("\r\n")
    if not password:
        raise UsageError("there is no password: type it, or hand it in as the first line of standard input")
    if len(password) < _SHORTEST_PASSWORD:
        raise DataError(f"a password needs at least {_SHORTEST_PASSWORD} characters")
    return password


def _agent(row: Row[Any]) -> dict[str, Any]:
    names = ("address", "name", "role", "departments", "language", "active")
    return {name: getattr(row, name) for name in names}
