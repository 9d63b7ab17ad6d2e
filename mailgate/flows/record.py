"""The record of a decision: the facts it saw and what it said, as JSON, stored with the mail and printed by `explain`.

Texts that the comment and the raw mail hold already (reply, headers) are left out; everything else is as it was.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from mailgate.decide.decision import Decision
from mailgate.decide.facts import Facts
from mailgate.notify.plan import Plan

_LEFT_OUT = frozenset({"reply", "headers", "text"})


def to_json(facts: Facts, decision: Decision, plans: list[Plan]) -> str:
    """The record: {"facts": …, "decision": …, "notices": […]}."""
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
    return _ENCODER.encode({"facts": facts, "decision": decision, "notices": notices})


def _plain(value: Any) -> Any:
    """One level of a value that JSON does not know; the encoder goes on with what is inside."""
    if isinstance(value, datetime):
        return value.isoformat()
    kind: type = type(value)
    names = _names(kind)
    if names is None:
        return str(value)
    shown = {name: getattr(value, name) for name in names}
    if type(value).__module__.endswith("decision"):
        shown["action"] = type(value).__name__
    return shown


@lru_cache(maxsize=128)
def _names(kind: type) -> tuple[str, ...] | None:
    if not is_dataclass(kind):
        return None
    return tuple(f.name for f in fields(kind) if f.name not in _LEFT_OUT)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
