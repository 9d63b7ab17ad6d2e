"""A decision's record told to a person, in the company's language. Pure: a record in, lines out.

The record is what was stored with the mail (`flows.record`). A word that is not known here, from a newer or older
mailgate, is shown as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailgate.i18n import Translator
from mailgate.notify import explainwords
from mailgate.notify.phrases import reason

_HEAD, _TITLE, _GOOD, _QUIET = "bold", "bold cyan", "green", "dim"
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Explained:
    """One mail and why it became what it became. journal_id 0: a file. record None: none was kept, `detail` says why.

    trigger: action | timer | due where no mail came. supposed: what was changed for `--what-if`.
    key: of the ticket it belongs to; for a file, of the ticket it would have opened or changed.
    """

    journal_id: int
    received_at: datetime
    road: str
    mail_from: str
    subject: str
    message_id: str
    outcome: str
    reason: str
    detail: str
    key: str
    duplicate_of: int | None
    record: dict[str, Any] | None
    trigger: str = ""
    supposed: str = ""
    facts: Any = None  # `decide`'s Facts, of a file


@dataclass(frozen=True, slots=True)
class Line:
    """A line to print. style: of rich, "" for none."""

    text: str
    style: str = ""


def lines_of(one: Explained, speaker: Translator) -> Iterator[Line]:
    """The whole explanation of one mail."""
    yield from _head(one, speaker)
    record = one.record
    if record is None:
        yield Line(_say(speaker, "no_record"), _QUIET)
        return
    facts, decision = record["facts"], record["decision"]
    names = _Names(facts)
    yield from _ticket(decision["thread"], speaker)
    yield from _author(decision["author"], facts, speaker)
    yield from _filed(facts, speaker)
    if decision.get("intent"):
        yield from _intent(decision["intent"], speaker)
    yield from _rules(decision["rules"], speaker)
    yield from _actions(decision["actions"], names, speaker)
    yield from _notices(record["notices"], speaker)
    yield from _timers(record.get("timers", []), speaker)
    if record.get("book"):
        yield Line(_say(speaker, "book", version=record["book"]), _QUIET)


def _say(speaker: Translator, key: str, /, **values: object) -> str:
    return speaker.t(f"command.explain.{key}", **values)


def _word(speaker: Translator, group: str, word: str) -> str:
    """A word of the record in the person's language, else as it stands."""
    key = f"command.explain.{group}.{word}"
    return speaker.t(key) if speaker.has(key) else word


def _head(one: Explained, speaker: Translator) -> Iterator[Line]:
    outcome = _word(speaker, "outcome", one.outcome)
    key = f" {one.key}" if one.key else ""
    if one.supposed:
        yield Line(_say(speaker, "what_if", changes=one.supposed), "bold yellow")
    if one.trigger:
        yield Line(f"{_say(speaker, f'happened.{one.trigger}')}: {outcome}{key}", _HEAD)
        yield Line(_say(speaker, "happened.at", date=speaker.date_time(one.received_at)), _QUIET)
        return
    would = _say(speaker, "would") + " " if not one.journal_id or one.supposed else ""
    yield Line(f"{would}{outcome}{key}", _HEAD)
    if one.reason:
        yield Line(_say(speaker, "reason", reason=_word(speaker, "reason", one.reason)))
    if one.detail and (one.record is None or one.record["decision"]["thread"]["why"] != one.detail):
        yield Line(_say(speaker, "because", why=reason(speaker, one.detail)))
    if one.duplicate_of:
        yield Line(_say(speaker, "duplicate_of", id=f"{one.duplicate_of:x}"))
    road = _word(speaker, "road", one.road)
    sender = one.mail_from or "<>"
    yield Line(_say(speaker, "came", date=speaker.date_time(one.received_at), road=road, sender=sender), _QUIET)
    if one.subject:
        yield Line(_say(speaker, "subject", subject=one.subject), _QUIET)
    if one.journal_id:
        yield Line(_say(speaker, "id", id=f"{one.journal_id:x}"), _QUIET)


def _ticket(thread: dict[str, Any], speaker: Translator) -> Iterator[Line]:
    yield Line(_say(speaker, "title.ticket"), _TITLE)
    kind, key = thread["kind"], thread["key"]
    if kind in ("existing", "follow_up", "new", "none"):
        yield Line("  " + _say(speaker, f"thread.{kind}", key=key))
    if thread["how"]:
        yield Line("  " + _say(speaker, "how_found", how=_word(speaker, "how", thread["how"])))
    if thread["why"]:
        yield Line("  " + _say(speaker, "because", why=reason(speaker, thread["why"])))
    for loser in thread["losers"]:
        how = _word(speaker, "how", loser["how"])
        yield Line("  " + _say(speaker, "loser", key=loser["key"], how=how, why=reason(speaker, loser["why"])))
    if thread["claims"]:
        yield Line("  " + _say(speaker, "claims", key=thread["claims"]))


def _author(author: dict[str, Any], facts: dict[str, Any], speaker: Translator) -> Iterator[Line]:
    yield Line(_say(speaker, "title.author"), _TITLE)
    role = _word(speaker, "role", author["role"])
    yield Line("  " + _say(speaker, "author", name=author["name"], address=author["address"] or "–", role=role))
    if author["verified"]:
        yield Line("  " + _say(speaker, "proven", proof=_word(speaker, "proof", author["proof"])), _GOOD)
    else:
        yield Line("  " + _say(speaker, "unproven"), "yellow")
    if author["why"]:
        yield Line("  " + _say(speaker, "because", why=reason(speaker, author["why"])))
    if author["via"]:
        yield Line("  " + _say(speaker, "via", name=author["via"]))
    mail = facts.get("mail")
    if mail:
        elsewhere = [to["address"] for to in mail["reply_to"] if to["address"] != author["address"]]
        if elsewhere:
            yield Line("  " + _say(speaker, "reply_to", address=", ".join(elsewhere[:5])), "yellow")
        auth = mail["auth"]
        results = f"SPF {auth['spf']} {auth['spf_domain']}, DKIM {auth['dkim']} {auth['dkim_domain']}"
        results += f", DMARC {auth['dmarc']} {auth['dmarc_policy'] and 'p=' + auth['dmarc_policy']}"
        if auth.get("arc", "none") != "none":
            results += f", ARC {auth['arc']} {auth['arc_sealer']}"
        yield Line("  " + " ".join(results.split()).replace(" ,", ","), _QUIET)
        if mail["kind_reason"]:
            kind = _word(speaker, "kind_word", mail.get("fine_kind") or mail["kind"])
            yield Line("  " + _say(speaker, "kind", kind=kind, why=mail["kind_reason"]))
        if mail["defects"]:
            yield Line("  " + _say(speaker, "defects", defects=", ".join(mail["defects"])), _QUIET)


def _filed(facts: dict[str, Any], speaker: Translator) -> Iterator[Line]:
    """What a customer chose in the form of a page."""
    action = facts.get("action") or {}
    filed = action.get("filed")
    if not filed:
        return
    values = {
        "topic": action["topic"] or "–",
        "fields": "; ".join(f"{key}: {str(value)[:80]}" for key, value in filed["fields"]) or "–",
        "visibility": filed["visibility"] or "–",
        "files": ", ".join(one["name"] for one in filed["files"]) or "–",
    }
    yield Line("  " + _say(speaker, "filed", **values), _QUIET)


def _intent(intent: dict[str, Any], speaker: Translator) -> Iterator[Line]:
    yield Line("  " + _say(speaker, "intent", kind=_word(speaker, "intent_kind", intent["kind"])))
    if intent["status"]:
        yield Line("  " + _say(speaker, "intent_status", status=intent["status"]))
    if intent["problem"]:
        yield Line("  " + _say(speaker, "intent_problem", problem=_line_of(intent["problem"])))


def _line_of(problem: str) -> str:
    """The line that could not be done, of `<code>:<the line>`."""
    return problem.partition(":")[2] or problem


def _rules(rules: list[dict[str, Any]], speaker: Translator) -> Iterator[Line]:
    yield Line(_say(speaker, "title.rules"), _TITLE)
    if not rules:
        yield Line("  " + _say(speaker, "no_rules"), _QUIET)
    for rule in rules:
        when = explainwords.when(speaker, rule["when"])
        if rule["matched"]:
            done = "; ".join(rule["actions"]) or "–"
            yield Line("  ✓ " + _say(speaker, "rule_matched", name=rule["name"], when=when, actions=done), _GOOD)
        else:
            why = explainwords.condition(speaker, rule["failed_condition"]) or rule["error"]
            yield Line("  – " + _say(speaker, "rule_failed", name=rule["name"], when=when, why=why))
        if rule["error"] and rule["matched"]:
            yield Line("    " + _say(speaker, "rule_error", error=rule["error"]), "yellow")


def _actions(actions: list[dict[str, Any]], names: _Names, speaker: Translator) -> Iterator[Line]:
    yield Line(_say(speaker, "title.actions"), _TITLE)
    if not actions:
        yield Line("  " + _say(speaker, "no_actions"), _QUIET)
    for number, action in enumerate(actions, 1):
        yield Line(f"  {number}. {_action(action, names, speaker)}")


def actions_of(record: dict[str, Any], speaker: Translator) -> list[str]:
    """The actions of a record, a sentence each."""
    names = _Names(record["facts"])
    return [_action(action, names, speaker) for action in record["decision"]["actions"]]


def _action(action: dict[str, Any], names: _Names, speaker: Translator) -> str:
    """One action in a sentence; one that is not known here, by its name and values."""
    name = _CAPITAL.sub("_", action["action"]).lower()
    values = {key: _plain(value) for key, value in action.items()}
    values["agent"] = names.agent(action.get("agent_id"))
    values["role"] = _word(speaker, "role", str(action.get("role", "")))
    if "problem" in action:
        values["problem"] = _line_of(str(action["problem"]))
    if "by" in action:
        values["by"] = explainwords.by(speaker, str(action["by"]))
    if name == "add_comment":
        name = f"add_{action['kind']}"
    elif name == "assign" and action.get("agent_id") is None:
        name = "unassign"
    elif name == "remark" and speaker.has(f"command.explain.action.remark_{action['kind']}"):
        name, values = f"remark_{action['kind']}", {key: _plain(value) for key, value in dict(action["data"]).items()}
    elif name == "set_due":
        at, amount = action.get("at"), action.get("amount") or ""
        name = name if at or amount else "no_due"
        values["at"] = speaker.date_time(datetime.fromisoformat(at)) if at else amount
    elif name == "set_field":
        known = f"command.rules.what.{action['name']}"
        values["name"] = speaker.t(known) if speaker.has(known) else action["name"]
    key = f"command.explain.action.{name}"
    if speaker.has(key):
        return speaker.t(key, **values)
    return f"{name} " + ", ".join(f"{k}={v}" for k, v in values.items() if v and k not in ("action", "agent"))


def _notices(notices: list[dict[str, Any]], speaker: Translator) -> Iterator[Line]:
    yield Line(_say(speaker, "title.notices"), _TITLE)
    if not notices:
        yield Line("  " + _say(speaker, "no_notices"), _QUIET)
    for notice in notices:
        values = {"notice": notice["notice"], "address": notice["to"], "why": reason(speaker, notice["why"])}
        if notice["suppressed"]:
            yield Line(
                "  – " + _say(speaker, "notice_suppressed", reason=reason(speaker, notice["suppressed"]), **values),
                "yellow",
            )
        else:
            yield Line("  ✓ " + _say(speaker, "notice_sent", language=notice["language"], **values), _GOOD)


def _timers(timers: list[dict[str, Any]], speaker: Translator) -> Iterator[Line]:
    yield Line(_say(speaker, "title.timers"), _TITLE)
    if not timers:
        yield Line("  " + _say(speaker, "no_timers"), _QUIET)
    for timer in timers:
        if "cancelled" in timer:
            yield Line("  – " + _say(speaker, "timer_cancelled", status=timer["cancelled"]))
            continue
        to = timer["name"].partition(">")[2].partition(":")[0]
        what = _say(speaker, "timer_stay") if to in ("", "stay") else _say(speaker, "timer_to", status=to)
        date = speaker.date_time(datetime.fromisoformat(timer["due_at"]))
        yield Line("  ✓ " + _say(speaker, "timer_set", date=date, what=what))


class _Names:
    """Who an id of the record is."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._agents = {a["id"]: a["name"] for a in facts.get("agents", ())}

    def agent(self, agent_id: int | None) -> str:
        return str(self._agents.get(agent_id, agent_id if agent_id else "–"))


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return "–" if value in (None, "") else value.isoformat() if isinstance(value, datetime) else value
