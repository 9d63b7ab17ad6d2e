"""What is wrong in a `workflow.yaml` between its parts, and what of it cannot be done yet. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.tickets.acts import AUTHOR
from mailgate.tickets.states import Transition, WorkflowFile
from mailgate.tickets.workflow import Workflow, fold
from mailgate.yamlfile import did_you_mean
from store.vocabulary import Category

#: Where in the file, and what is wrong there.
Problem = tuple[tuple[str | int, ...], str]


def problems(file: WorkflowFile) -> list[Problem]:
    """Unknown statuses, one label for two of them, a new ticket that is closed, a time that leads nowhere."""
    found: list[Problem] = []
    known = list(file.states)

    def check(location: tuple[str | int, ...], name: str) -> None:
        if name not in file.states:
            found.append((location, f"there is no status `{name}`{did_you_mean(name, known) or _listed(known)}"))

    check(("initial",), file.initial)
    for index, one in enumerate(file.transitions):
        if one.to is not None:
            check(("transitions", index, "to"), one.to)
        for place, name in enumerate(one.from_):
            check(("transitions", index, "from", place), name)
        found += [(("transitions", index, *location), reason) for location, reason in _in_transition(file, one)]
    initial = file.states.get(file.initial)
    if initial is not None and initial.category is Category.CLOSED:
        found.append((("initial",), f"a new ticket cannot start closed: `{file.initial}` has category closed"))
    return found + _twins(file)


def _in_transition(file: WorkflowFile, one: Transition) -> Iterator[Problem]:
    if one.after is not None and one.to is not None and (not one.from_ or one.to in one.from_):
        if not one.from_:
            yield ("after",), "a time that moves a ticket needs `from`: out of which statuses"
        else:
            yield ("to",), f"a time cannot lead from `{one.to}` to itself; leave `to` out, and say `repeat`"
    closed = [name for name in one.from_ if name in file.states and file.states[name].category is Category.CLOSED]
    if one.followup is not None and sorted(closed) != sorted(one.from_ or ("",)):
        yield ("followup",), "only an answer to a closed ticket has a follow-up: `from` names closed statuses"
    target = file.states.get(one.to) if one.to is not None else None
    if one.reopen_within_days is not None and target is not None and target.category is Category.CLOSED:
        yield ("to",), f"opened again as `{one.to}`, which is closed"


def _listed(known: list[str]) -> str:
    return f"; there are {', '.join(known)}"


def _twins(file: WorkflowFile) -> list[Problem]:
    """Two statuses that one word in one language could mean."""
    found: list[Problem] = []
    seen: dict[tuple[str, str], str] = {}
    for key, status in file.states.items():
        words = [(language, label) for language, label in status.label.items()]
        words += [("", alias) for alias in status.aliases] + [("", key)]
        for language, word in words:
            owner = seen.setdefault((language, fold(word)), key)
            if owner != key:
                found.append((("states", key), f"{word!r} names both `{owner}` and `{key}`; give each its own word"))
    return found


def doubts(file: WorkflowFile, *, whatsapp: bool) -> list[Problem]:
    """What is legal and not done, or not as written: said once, at the first place.

    whatsapp: whether there is a way to reach a telephone.
    """
    found: list[Problem] = []
    workflow = Workflow.of(file)
    for key in file.states:
        if not workflow.reaches(key):
            found.append((("states", key), f"no transition leads to `{key}`"))
    sends = (i for i, one in enumerate(file.transitions) if any(act.kind == "notify_whatsapp" for act in one.do))
    first = next(sends, None)
    if first is not None and not whatsapp:
        reason = "`notify_whatsapp` needs a provider, and none is set up; mails go, and the ticket's history says so"
        found.append((("transitions", first, "do"), reason))
    return found


def assignees(file: WorkflowFile) -> list[tuple[tuple[str | int, ...], str]]:
    """Whom `assign:` names, and where."""
    return [
        (("transitions", index, "do"), act.value)
        for index, one in enumerate(file.transitions)
        for act in one.do
        if act.kind == "assign" and act.value not in (AUTHOR, "nobody")
    ]
