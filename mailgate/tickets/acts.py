"""What is done along with a transition (`do:`): a closed list, read out of YAML and checked there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from mailgate.yamlfile import did_you_mean
from store.vocabulary import Notice

ACTS = ("notify", "notify_whatsapp", "survey", "note", "assign", "tag")

#: What `notify:` can say, and the notice that it is. `answered` and `reply_to_customer` are the agent's answer itself.
NOTICES: dict[str, Notice] = {
    "answered": Notice.N5,
    "reply_to_customer": Notice.N5,
    "status_changed": Notice.N6,
    "info_requested": Notice.N7,
    "reminder": Notice.N8,
    "validation": Notice.N9,
    "resolved": Notice.N10,
    "reopened": Notice.N11,
    "closed": Notice.N12,
    "closed_no_answer": Notice.N12,
}
#: Whom of ours `notify:` can name besides; they get N19.
OURS = ("agents", "managers", "admins")
#: Whom `assign:` can name besides an agent's address: who acts, or nobody any more.
AUTHOR = "author"


@dataclass(frozen=True, slots=True)
class Act:
    """Something done along with a transition: `notify: resolved`, `survey`."""

    kind: str
    value: str = ""


def _acts(value: object) -> tuple[Act, ...]:
    entries = list(value) if isinstance(value, (list, tuple)) else [value]
    return tuple(act for entry in entries for act in _act(entry))


def _act(entry: object) -> Iterator[Act]:
    if isinstance(entry, Act):
        yield entry
        return
    pairs = entry.items() if isinstance(entry, dict) else [(entry, "")]
    for kind, value in pairs:
        if kind not in ACTS:
            raise ValueError(f"{kind!r} is not known; `do` can be {', '.join(ACTS)}{did_you_mean(kind, ACTS)}")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            yield _checked(str(kind), "" if one is None else str(one).strip())


def _checked(kind: str, value: str) -> Act:
    if kind == "survey":
        if value:
            raise ValueError("`survey` stands alone; how it asks is said in notices.yaml")
    elif not value:
        raise ValueError(f"`{kind}` needs a value: `{kind}: ...`")
    elif kind == "notify" and value not in (*NOTICES, *OURS):
        raise ValueError(_unknown(value, (*NOTICES, *OURS)))
    elif kind == "notify_whatsapp" and value not in NOTICES:
        raise ValueError(_unknown(value, tuple(NOTICES)))
    return Act(kind, value)


def _unknown(value: str, known: tuple[str, ...]) -> str:
    return f"there is no notice {value!r}; there are {', '.join(known)}{did_you_mean(value, known)}"


Acts = Annotated[tuple[Act, ...], PlainValidator(_acts), WithJsonSchema({"type": ["array", "string", "object"]})]
