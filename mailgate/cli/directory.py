"""`mailgate branch …`, and `set` and `import` of contacts and organisations: what is kept about customers' people."""

from __future__ import annotations

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
    say,
)
from mailgate.cli.people import contacts, organisations
from mailgate.errors import EX_DATAERR, DataError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Row

    from mailgate.flows.directory import Line

branches = typer.Typer(help="Branches of customers' companies.", no_args_is_help=True)

_MOST_BYTES = 50 * 1024 * 1024
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
OwnerArgument = Annotated[str, typer.Argument(metavar="ORGANISATION", help="Whose branch: name or CNPJ.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a heading line; comma or semicolon.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
CnpjOption = Annotated[str | None, typer.Option(help="Its check digits are verified.")]
PlaceOption = Annotated[str | None, typer.Option(help="Street and city.")]
OwnAddress = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Its own mailbox, told of what is shared.")]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it still counts.")]


# --- branches --------------------------------------------------------------------------------------------------------


@branches.command("add")
def branch_add(
    organisation: OwnerArgument,
    name: NameArgument,
    config: ConfigOption = None,
    place: PlaceOption = None,
    cnpj: CnpjOption = None,
    address: OwnAddress = None,
    json: JsonOption = False,
) -> None:
    """Add a branch.

    Example: mailgate branch add "Cliente Ltda" "Loja 2" --cnpj 11.222.333/0002-62 --address loja2@cliente.com
    """
    values = {"organisation": organisation, "name": name, "place": place, "cnpj": cnpj, "address": address}
    _put(config, "branch", values, json, new=True)


@branches.command("set")
def branch_set(
    organisation: OwnerArgument,
    name: NameArgument,
    config: ConfigOption = None,
    place: PlaceOption = None,
    cnpj: CnpjOption = None,
    address: OwnAddress = None,
    active: Active = None,
    json: JsonOption = False,
) -> None:
    """Change a branch; what is not named stays.

    Example: mailgate branch set "Cliente Ltda" "Loja 2" --address nova@cliente.com
    """
    values = {"organisation": organisation, "name": name, "place": place, "cnpj": cnpj, "address": address}
    _put(config, "branch", values | {"active": _word(active)}, json, new=False)


@branches.command("list")
def branch_list(
    config: ConfigOption = None,
    organisation: Annotated[str, typer.Option(metavar="NAME", help="Only of this one.")] = "",
    json: JsonOption = False,
) -> None:
    """List branches by organisation and name.

    Example: mailgate branch list --organisation "Cliente Ltda"
    """
    from mailgate.flows.companies import Companies
    from mailgate.people.cnpj import shown
    from store import people

    with house(config) as opened, opened.database.read() as connection:
        only = [Companies(connection).named(clean(organisation)).id] if organisation else None
        rows = people.branches(connection, only)
        if json:
            for row in rows:
                print_json(_branch(row))
            return
        print_table(
            ("Organisation", "Branch", "Place", "CNPJ", "Address", ""),
            [(r.organisation, r.name, r.place, shown(r.cnpj), r.address, "" if r.active else "inactive") for r in rows],
        )


@branches.command("show")
def branch_show(
    organisation: OwnerArgument, name: NameArgument, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Show a branch with its contacts.

    Example: mailgate branch show "Cliente Ltda" "Loja 2"
    """
    from mailgate.flows.companies import Companies
    from mailgate.people.cnpj import shown
    from store import people

    with house(config) as opened, opened.database.read() as connection:
        companies = Companies(connection)
        row = companies.branch_named(companies.named(clean(organisation)), clean(name))
        members = [c for c in people.contacts(connection, 1_000_000) if c.branch_id == row.id]
        if json:
            print_json(_branch(row) | {"contacts": [c.address for c in members]})
            return
        print_facts([("Organisation", row.organisation), ("Name", row.name), ("Place", row.place),
                     ("CNPJ", shown(row.cnpj)), ("Address", row.address)])  # fmt: skip
        print_table(("Address", "Name", "Role"), [(c.address, c.name, c.role) for c in members])


@branches.command("import")
def branch_import(
    file: FileArgument, config: ConfigOption = None, dry_run: DryRun = False, json: JsonOption = False
) -> None:
    """Add and change branches: organisation, name, place, cnpj, address, active. All of the file, or nothing.

    Example: mailgate branch import filiais.csv --dry-run
    """
    _import(config, "branch", file, dry_run, json)


# --- contacts and organisations --------------------------------------------------------------------------------------


@contacts.command("set")
def contact_set(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Who.")],
    config: ConfigOption = None,
    name: Annotated[str | None, typer.Option(help="The person's name.")] = None,
    organisation: Annotated[str | None, typer.Option(metavar="NAME", help='Name or CNPJ; "" for none.')] = None,
    branch: Annotated[str | None, typer.Option(metavar="NAME", help='Of the organisation; "" for none.')] = None,
    role: Annotated[str | None, typer.Option(help="light, master, manager, sub_admin or third_party.")] = None,
    language: Annotated[str | None, typer.Option(help="pt-BR, en or es.")] = None,
    may: Annotated[
        str | None,
        typer.Option(help='Among open, answer, statistics, share, contacts; none; "" for what the role may.'),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help='All further addresses; repeatable; "" for none.'),
    ] = None,
    whatsapp: Annotated[
        str | None, typer.Option(metavar="NUMBER", help='Tell the person there too: +5548999990000; "" for no more.')
    ] = None,
    active: Active = None,
    json: JsonOption = False,
) -> None:
    """Change a contact; what is not named stays.

    Example: mailgate contact set ana@cliente.com --branch "Loja 2" --role manager --also ana@gmail.com
    """
    values = {
        "address": address_of(address), "name": name, "organisation": organisation, "branch": branch, "role": role,
        "language": language, "may": may, "more_addresses": " ".join(also) if also is not None else None,
        "active": _word(active), "whatsapp": whatsapp,
    }  # fmt: skip
    _put(config, "contact", values, json, new=False)


@contacts.command("import")
def contact_import(
    file: FileArgument, config: ConfigOption = None, dry_run: DryRun = False, json: JsonOption = False
) -> None:
    """Add and change contacts: address, name, organisation, branch, role, language, more_addresses, may, active,
    whatsapp.

    All of the file, or nothing. Example: mailgate contact import contatos.csv --dry-run
    """
    _import(config, "contact", file, dry_run, json)


@organisations.command("set")
def organisation_set(
    name: NameArgument,
    config: ConfigOption = None,
    domain: Annotated[list[str] | None, typer.Option(help='All of its domains; repeatable; "" for none.')] = None,
    network: Annotated[str | None, typer.Option(metavar="NAME", help='The network it belongs to; "" for none.')] = None,
    cnpj: CnpjOption = None,
    tier: Annotated[str | None, typer.Option(help="A word of your own, for rules.")] = None,
    language: Annotated[str | None, typer.Option(help="pt-BR, en or es.")] = None,
    json: JsonOption = False,
) -> None:
    """Change an organisation; what is not named stays.

    Example: mailgate organisation set "Cliente Ltda" --network "Rede Boa" --tier prime
    """
    values = {
        "name": name, "domains": " ".join(domain) if domain is not None else None, "network": network, "cnpj": cnpj,
        "tier": tier, "language": language,
    }  # fmt: skip
    _put(config, "organisation", values, json, new=False)


@organisations.command("import")
def organisation_import(
    file: FileArgument, config: ConfigOption = None, dry_run: DryRun = False, json: JsonOption = False
) -> None:
    """Add and change organisations: name, domains, network, cnpj, tier, language. All of the file, or nothing.

    Example: mailgate organisation import empresas.csv --dry-run
    """
    _import(config, "organisation", file, dry_run, json)


# --- doing -----------------------------------------------------------------------------------------------------------


def _put(config: Path | None, kind: str, values: dict[str, str | None], json: bool, *, new: bool) -> None:
    from mailgate.flows import directory

    said = {key: " ".join(clean(value).split()) for key, value in values.items() if value is not None}
    with house(config) as opened:
        line = directory.put(opened.site, kind, said, new=new)
    if json:
        print_json({"who": line.who, "action": line.action, "changes": line.changes})
    else:
        print(line.who)


def _import(config: Path | None, kind: str, file: Path, dry_run: bool, json: bool) -> None:
    from mailgate.flows import directory
    from mailgate.people.csvfile import BadTable, records

    columns = {"contact": directory.CONTACT, "organisation": directory.ORGANISATION, "branch": directory.BRANCH}[kind]
    try:
        with file.open("rb") as opened_file:
            content = opened_file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise NoInput(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise DataError(f"{file} has more than {_MOST_BYTES} bytes")
    try:
        rows = records(content, columns)
    except BadTable as error:
        raise DataError(f"{file}: {error}") from error
    if not rows:
        raise UsageError(f"{file} has no rows")
    with house(config) as opened:
        report = directory.put_all(opened.site, kind, rows, dry_run=dry_run)
    _tell(report, json, dry_run)


def _tell(report: list[Line], json: bool, dry_run: bool) -> None:
    wrong = sum(line.action == "mistake" for line in report)
    for line in report:
        if json:
            print_json({"line": line.line, "who": line.who, "action": line.action, "changes": line.changes,
                        "problem": line.problem or None})  # fmt: skip
    if not json:
        shown = [(one.line, one.action, one.who, one.problem or ", ".join(one.changes)) for one in report
                 if one.action != "same"]  # fmt: skip
        print_table(("Line", "What", "Who", ""), shown)
    counts = {word: sum(one.action == word for one in report) for word in ("add", "change", "same")}
    done = "nothing is written" if wrong or dry_run else "written"
    say(f"{counts['add']} new, {counts['change']} changed, {counts['same']} as they were, {wrong} mistakes: {done}")
    if wrong:
        raise typer.Exit(EX_DATAERR)


def _word(active: bool | None) -> str | None:
    return None if active is None else "yes" if active else "no"


def _branch(row: Row[Any]) -> dict[str, Any]:
    names = ("organisation", "name", "place", "cnpj", "address", "active", "created_at")
    return {name: getattr(row, name) for name in names}
