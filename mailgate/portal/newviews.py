"""What the pages of a new ticket show, as plain values. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.companyfiles import Department, Topic
from mailgate.decide.ruling import Book
from mailgate.flows.filingfacts import branches_of
from mailgate.people.choices import choices, chosen_at_first
from mailgate.portal.newform import Asked, Checked, Choice, Draft, asked
from mailgate.tickets import intake
from mailgate.tickets.fillin import ATTACHMENT
from mailgate.yamltypes import text_in
from store import people

#: So many colleagues are offered by name; more are typed.
_MOST_COLLEAGUES = 200


@dataclass(frozen=True, slots=True)
class FormView:
    """The form as it is shown.

    phone: what stands in the contact's own line, None where the topic asks for a telephone itself. sharing: what may be
    chosen, none where nothing may; branches: with whom. colleagues: (name, address), None for who has no organisation.
    """

    department: str
    topic: str
    topic_help: str
    fields: tuple[Asked, ...]
    text_label: str
    text_help: str
    file_label: str
    file_help: str
    file_required: bool
    phone: str | None
    sharing: tuple[Choice, ...]
    branches: tuple[Choice, ...]
    colleagues: tuple[tuple[str, str], ...] | None
    one_department: bool
    one_topic: bool


def departments(offered: Mapping[str, Department], language: str) -> tuple[Choice, ...]:
    """The departments to choose from."""
    return tuple(
        Choice(key, text_in(one.label, language, key), text_in(one.help, language)) for key, one in offered.items()
    )


def topics(offered: Mapping[str, Topic], language: str) -> tuple[Choice, ...]:
    """The topics to choose from."""
    return tuple(
        Choice(key, text_in(one.label, language, key), text_in(one.help, language)) for key, one in offered.items()
    )


def form_view(
    connection: Connection, book: Book, draft: Draft, topic: Topic | None, checked: Checked | None,
    contact: Row[Any] | None, language: str, yes_no: tuple[str, str],
) -> FormView:  # fmt: skip
    """The form for one person. contact: who signed in, None for a guest."""
    own = (contact.phone or contact.whatsapp) if contact is not None else ""
    if checked is None and topic is not None and own:  # the first time: what we know stands there already
        draft = _prefilled(draft, topic, own)
    answers, problems = (checked.answers, checked.problems) if checked is not None else ({}, {})
    fields = asked(topic, draft, answers, problems, language, yes_no) if topic is not None else ()
    described = intake.described(topic) if topic is not None else None
    file = intake.file_of(topic) if topic is not None else None
    has_phone = any(one.kind == "phone" for one in fields)
    offered = intake.departments_of(book.departments, book.topics)
    department = book.departments.get(draft.department)
    sharing, branches = _sharing(connection, book, draft, contact)
    return FormView(
        department=text_in(department.label, language, draft.department) if department is not None else "",
        topic=text_in(topic.label, language, draft.topic) if topic is not None else "",
        topic_help=text_in(topic.help, language) if topic is not None else "",
        fields=fields,
        text_label=text_in(described.label, language).rstrip(" :") if described is not None else "",
        text_help=text_in(described.help, language) if described is not None else "",
        file_label=text_in(file.label, language).rstrip(" :") if file is not None and not _is_general(file.key) else "",
        file_help=text_in(file.help, language) if file is not None and not _is_general(file.key) else "",
        file_required=file is not None and file.required,
        phone=None if has_phone else (draft.phone or (own if checked is None else "")),
        sharing=sharing,
        branches=branches,
        colleagues=_colleagues(connection, contact),
        one_department=len(offered) < 2,
        one_topic=len(intake.topics_of(book.topics, draft.department)) < 2,
    )


def _is_general(key: str) -> bool:
    """Whether it is the attachment that a topic requires without a field of its own for it."""
    return key == ATTACHMENT


def _prefilled(draft: Draft, topic: Topic, phone: str) -> Draft:
    typed = {one.key: phone for one in intake.fields_of(topic) if one.kind == "phone"}
    return Draft(draft.department, draft.topic, typed=typed | dict(draft.typed))


def _sharing(
    connection: Connection, book: Book, draft: Draft, contact: Row[Any] | None
) -> tuple[tuple[Choice, ...], tuple[Choice, ...]]:
    """What may be chosen about who sees the ticket, and the branches it may be shared with."""
    if contact is None:
        return (), ()
    found = [one for one in branches_of(connection, contact.organisation_id) if one.id != contact.branch_id]
    policy = book.people.visibility
    offered = choices(
        policy, contact.role, is_member=contact.organisation_id is not None, has_branches=bool(found)
    )  # fmt: skip
    if not offered:
        return (), ()
    wanted = draft.visibility if draft.visibility in offered else chosen_at_first(policy, contact.role, offered)
    several = len({one.organisation for one in found}) > 1
    branches = tuple(
        Choice(str(one.id), one.name, one.organisation if several else "", one.id in draft.branch_ids)
        for one in found
        if "branches" in offered
    )
    return tuple(Choice(one, one, "", one == wanted) for one in offered), branches


def _colleagues(connection: Connection, contact: Row[Any] | None) -> tuple[tuple[str, str], ...] | None:
    """Whom the requester may let follow. Somebody from outside types an address that he knows; he is shown nobody's."""
    if contact is None or contact.organisation_id is None:
        return None
    if contact.role == "third_party":
        return ()
    rows = people.members(connection, contact.organisation_id, _MOST_COLLEAGUES)
    return tuple((one.name, one.address) for one in rows if one.id != contact.id)
