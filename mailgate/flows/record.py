"""The record of a decision: the facts it saw and what it said, as JSON, stored with the mail and printed by `explain`.

Texts that the comment and the raw mail hold already (reply, headers) are left out; everything else is as it was.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from mailgate.decide.decision import Decision
from mailgate.decide.facts import Facts
from mailgate.flows.effects import Changed
from mailgate.flows.site import Site
from mailgate.notify.plan import Plan
from store import happenings

_LEFT_OUT = frozenset({"reply", "headers", "text"})


def to_json(facts: Facts, decision: Decision, plans: list[Plan], changed: Changed | None = None, book: str = "") -> str:
    """The record: {"facts": …, "decision": …, "notices": […], "timers": […], "book": …}.

    timers: set and cancelled. book: which version of the rules decided.
    """
    return _ENCODER.encode(_record(facts, decision, plans, changed, book))


def keep(
    connection: Connection, site: Site, trigger: str, facts: Facts, decision: Decision, plans: list[Plan],
    changed: Changed,
) -> None:  # fmt: skip
    """Keep the record of what was decided without a mail, whole: there is no raw mail to read the texts from."""
    if changed.ticket is None:
        return
    record = whole_json(facts, decision, plans, changed, site.book().digest)
    row = {
        "id": site.ids.new(), "ticket_id": changed.ticket["id"], "at": facts.now, "trigger": trigger, "record": record,
    }  # fmt: skip
    happenings.add(connection, row)


def whole_json(
    facts: Facts, decision: Decision, plans: list[Plan], changed: Changed | None = None, book: str = ""
) -> str:
    """The record of what has no raw mail: as `to_json`, with all texts."""
    return _WHOLE.encode(_record(facts, decision, plans, changed, book))


def _record(facts: Facts, decision: Decision, plans: list[Plan], changed: Changed | None, book: str) -> dict[str, Any]:
    notices = [
        {
            "notice": p.notice,
            "to": p.to.address,
            "role": p.to.role,
            "language": p.to.language,
            "why": p.why,
            "suppressed": p.suppressed,
        }
        for p in plans
    ]
    timers = changed.timers if changed is not None else []
    return {"facts": facts, "decision": decision, "notices": notices, "timers": timers, "book": book}


def decision_json(decision: Decision) -> str:
    """A decision alone, as it stands inside a record of a mail."""
    return _ENCODER.encode(decision)


def _plain(value: Any) -> Any:
    """One level of a value that JSON does not know; the encoder goes on with what is inside."""
    return _shown(value, frozenset())


def _shown(value: Any, kept: frozenset[str]) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    kind: type = type(value)
    names = _names(kind, kept)
    if names is None:
        return str(value)
    shown = {name: getattr(value, name) for name in names}
    if type(value).__module__.endswith("decision"):
        shown["action"] = type(value).__name__
    return shown


@lru_cache(maxsize=128)
def _names(kind: type, kept: frozenset[str]) -> tuple[str, ...] | None:
    if not is_dataclass(kind):
        return None
    return tuple(f.name for f in fields(kind) if f.name in kept or f.name not in _LEFT_OUT)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
_WHOLE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=lambda value: _shown(value, _LEFT_OUT))
