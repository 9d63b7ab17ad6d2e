"""Organisations, branches and contacts are added and changed, one by one or out of a file; all of a file, or nothing.

Values come as texts; a key that is not there leaves its column as it is, an empty text empties it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.errors import DataError
from mailgate.flows.companies import Companies
from mailgate.flows.site import Site
from mailgate.mail.addresses import normalise, parse_address
from mailgate.people import cnpj
from mailgate.people.csvfile import Record
from mailgate.people.roles import PERMISSIONS, ROLES
from mailgate.people.telephone import e164
from store import people

CONTACT = (
    "address", "name", "organisation", "branch", "role", "language", "more_addresses", "may", "active", "whatsapp",
)  # fmt: skip
ORGANISATION = ("name", "domains", "network", "cnpj", "tier", "language")
BRANCH = ("organisation", "name", "place", "cnpj", "address", "active")
_LANGUAGES = ("pt-BR", "en", "es")
_YES = frozenset({"yes", "sim", "si", "sí", "true", "1", "x", ""})
_NO = frozenset({"no", "não", "nao", "false", "0"})

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of one row: add, change, same or mistake. changes: column → what it becomes."""

    line: int
    who: str
    action: str
    changes: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


class _Undo(Exception):
    """Rolls a transaction back and brings its report out."""

    def __init__(self, report: list[Line]) -> None:
        super().__init__("nothing is written")
        self.report = report


def put(site: Site, kind: str, values: Values, *, new: bool | None = None) -> Line:
    """Add or change one. kind: contact, organisation, branch. new: True refuses what is there, False what is not.

    Raises DataError with a sentence.
    """
    return site.writer.call(lambda c: _PUT[kind](c, site, Companies(c), values, new, 0))


def put_all(site: Site, kind: str, records: Sequence[Record], *, dry_run: bool) -> list[Line]:
    """Add or change all rows of a file. With one mistake, or in a dry run, nothing is written; each row is told of."""

    def work(connection: Connection) -> list[Line]:
        report, companies = [], Companies(connection)
        for one in records:
            try:
                report.append(_PUT[kind](connection, site, companies, one.values, None, one.line))
            except DataError as error:
                who = one.values.get("address") or one.values.get("name", "")
                report.append(Line(one.line, who, "mistake", problem=str(error)))
        if dry_run or any(line.action == "mistake" for line in report):
            raise _Undo(report)
        return report

    try:
        return site.writer.call(work)
    except _Undo as undone:
        return undone.report


# --- one row each ----------------------------------------------------------------------------------------------------


def _put_organisation(
    connection: Connection, site: Site, companies: Companies, values: Values, new: bool | None, line: int
) -> Line:
    name = values.get("name", "").strip()
    if not name:
        raise DataError("an organisation needs a name")
    old = companies.by_name(name)
    _as_wanted(old is not None, new, f"organisation {name}")
    wanted: dict[str, Any] = {key: values[key] for key in ("network", "tier") if key in values}
    if "cnpj" in values:
        wanted["cnpj"] = _cnpj(values["cnpj"])
    if "language" in values:
        wanted["language"] = _language(values["language"])
    if "domains" in values:
        wanted["domains"] = _domains(values["domains"])
    companies.refuse_taken(old.id if old is not None else None, wanted.get("domains", ()), wanted.get("cnpj", ""))
    if old is None:
        empty: dict[str, Any] = {"domains": [], "network": "", "cnpj": "", "tier": "", "language": None}
        row = {**empty, **wanted, "id": site.ids.new(), "name": name, "created_at": site.clock()}
        people.add_organisation(connection, row)
        people.join_organisation(connection, row["id"], row["domains"])
        companies.changed(row["id"])
        return Line(line, name, "add", wanted)
    changes = _changes(old, wanted)
    if changes:
        people.change_organisation(connection, old.id, **changes)
        people.join_organisation(connection, old.id, changes.get("domains", ()))
        companies.changed(old.id)
    return Line(line, name, "change" if changes else "same", changes)


def _put_branch(
    connection: Connection, site: Site, companies: Companies, values: Values, new: bool | None, line: int
) -> Line:
    organisation = companies.named(values.get("organisation", ""))
    name = values.get("name", "").strip()
    if not name:
        raise DataError("a branch needs a name")
    old = companies.branch(organisation, name)
    _as_wanted(old is not None, new, f"branch {name} of {organisation.name}")
    wanted: dict[str, Any] = {"place": values["place"]} if "place" in values else {}
    if "cnpj" in values:
        wanted["cnpj"] = _cnpj(values["cnpj"])
    if "address" in values:
        wanted["address"] = _address(values["address"]) if values["address"].strip() else ""
        if site.is_ours(wanted["address"]):
            raise DataError(f"{wanted['address']} is one of our own addresses")
    if "active" in values:
        wanted["active"] = _yes(values["active"])
    if old is None:
        empty = {"place": "", "cnpj": "", "address": "", "active": True}
        row = {**empty, **wanted, "id": site.ids.new(), "name": name, "organisation_id": organisation.id}
        people.add_branch(connection, {**row, "created_at": site.clock()})
        companies.branch_changed(organisation.id, row["id"])
        return Line(line, name, "add", wanted)
    changes = _changes(old, wanted)
    if changes:
        people.change_branch(connection, old.id, **changes)
        companies.branch_changed(organisation.id, old.id)
    return Line(line, name, "change" if changes else "same", changes)


def _put_contact(
    connection: Connection, site: Site, companies: Companies, values: Values, new: bool | None, line: int
) -> Line:
    address = _address(values.get("address", ""))
    old = people.contact_by_address(connection, address)
    _as_wanted(old is not None, new, f"contact {address}")
    if site.is_ours(address) or people.agent_by_address(connection, address) is not None:
        raise DataError(f"{address} is one of ours: an agent or a support address")
    wanted = _of_contact(companies, values, old)
    more = _more(connection, site, values, old, address)
    if old is None:
        name, now = values.get("name", "").strip() or address.partition("@")[0], site.clock()
        role = wanted.get("role", site.book().people.default_role)
        made = people.contact_for(connection, site.ids.new(), address, name, wanted.get("language"), now, role)
        rest = {key: value for key, value in wanted.items() if key not in ("role", "language", "name")}
        if rest:
            people.change_contact(connection, made.id, **rest)
        people.put_addresses(connection, made.id, more or (), now)
        return Line(line, address, "add", wanted | ({"more_addresses": more} if more else {}))
    changes = _changes(old, wanted)
    if changes:
        people.change_contact(connection, old.id, **changes)
    if more is not None and tuple(more) != people.more_addresses(connection, old.id):
        people.put_addresses(connection, old.id, more, site.clock())
        changes["more_addresses"] = more
    return Line(line, address, "change" if changes else "same", changes)


def _of_contact(companies: Companies, values: Values, old: Row[Any] | None) -> dict[str, Any]:
    """The columns that a contact's row is to have."""
    wanted: dict[str, Any] = {}
    if values.get("name", "").strip():
        wanted["name"] = values["name"].strip()
    if "role" in values:
        wanted["role"] = _one_of(values["role"].strip().lower() or "light", ROLES, "role")
    if "language" in values:
        wanted["language"] = _language(values["language"])
    if "active" in values:
        wanted["active"] = _yes(values["active"])
    if "whatsapp" in values:
        wanted["whatsapp"] = _number(values["whatsapp"])
    if "may" in values:
        words = values["may"].replace(",", " ").replace(";", " ").lower().split()
        may = [_one_of(word, (*PERMISSIONS, "none"), "permission") for word in words]
        wanted["may"] = [p for p in PERMISSIONS if p in may] if words else None
    if "organisation" in values:
        named = values["organisation"].strip()
        wanted["organisation_id"] = companies.named(named).id if named else None
        if old is not None and old.organisation_id != wanted["organisation_id"]:
            wanted["branch_id"] = None  # a branch of the one before
    if "branch" in values:
        wanted["branch_id"] = _branch_id(companies, values["branch"].strip(), wanted, old)
    return wanted


def _branch_id(companies: Companies, name: str, wanted: Mapping[str, Any], old: Row[Any] | None) -> int | None:
    if not name:
        return None
    owner = wanted.get("organisation_id", old.organisation_id if old is not None else None)
    row = companies.by_id(owner)
    if row is None:
        raise DataError(f"the branch {name} needs its organisation beside it")
    found: int = companies.branch_named(row, name).id
    return found


def _more(connection: Connection, site: Site, values: Values, old: Row[Any] | None, address: str) -> list[str] | None:
    """The further addresses; None where nothing is said of them. Raises DataError for one that is another person's."""
    if "more_addresses" not in values:
        return None
    main = old.address if old is not None else address
    found = []
    for word in values["more_addresses"].replace(",", " ").replace(";", " ").split():
        one = _address(word)
        owner = people.contact_by_address(connection, one)
        if owner is not None and (old is None or owner.id != old.id):
            raise DataError(f"{one} is another contact's already: {owner.address}")
        if site.is_ours(one) or people.agent_by_address(connection, one) is not None:
            raise DataError(f"{one} is one of ours")
        if one != main:
            found.append(one)
    return sorted(set(found))


_PUT: dict[str, Callable[[Connection, Site, Companies, Values, bool | None, int], Line]] = {
    "contact": _put_contact,
    "organisation": _put_organisation,
    "branch": _put_branch,
}


# --- values ----------------------------------------------------------------------------------------------------------


def _as_wanted(there: bool, new: bool | None, what: str) -> None:
    if new is True and there:
        raise DataError(f"there is a {what} already")
    if new is False and not there:
        raise DataError(f"there is no {what}")


def _changes(old: Row[Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wanted.items() if getattr(old, key) != value}


def _cnpj(text: str) -> str:
    if not text.strip():
        return ""
    found = cnpj.read(text)
    if found is None:
        raise DataError(f"{text!r} is not a CNPJ: its check digits are wrong, or it has not 14 places")
    return found


def _address(text: str) -> str:
    found = parse_address(text.strip())
    if found is None or not found.domain or " " in found.address:
        raise DataError(f"{text!r} is not an address; write it like ana@cliente.test")
    return normalise(found.address)


def _number(text: str) -> str:
    """A telephone number as E.164 writes it; brackets, blanks and dashes are taken off."""
    found = e164(text)
    if found is None:
        raise DataError(f"{text!r} is not a number; write it with its country, like +5548999990000")
    return found


def _domains(text: str) -> list[str]:
    found = []
    for word in text.replace(",", " ").replace(";", " ").split():
        domain = _address(f"x@{word.removeprefix('@')}").rpartition("@")[2]
        if "." not in domain:
            raise DataError(f"{word!r} is not a domain; write it like cliente.com")
        found.append(domain)
    return list(dict.fromkeys(found))


def _language(text: str) -> str | None:
    wanted = text.strip().lower()
    known = next((one for one in _LANGUAGES if one.lower() == wanted), wanted)
    return _one_of(known, _LANGUAGES, "language") if wanted else None


def _yes(text: str) -> bool:
    word = text.strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise DataError(f"{text!r} is neither yes nor no")


def _one_of(word: str, words: Sequence[str], what: str) -> str:
    if word not in words:
        raise DataError(f"there is no {what} {word!r}; there are {', '.join(words)}")
    return word
