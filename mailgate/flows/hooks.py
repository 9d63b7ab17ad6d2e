"""Telling another program: a signed POST to a host that mailgate.yaml names, after the commit. No redirects.

The form is that of Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,<base64>`, an
HMAC-SHA256 over id, timestamp and body with the webhook's secret; the same id at every try.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import Connection, Row

from mailgate import log
from mailgate.decide.decision import CallWebhook
from mailgate.decide.facts import Facts
from mailgate.flows.site import Site
from mailgate.mail.headers import one_line
from store import webhooks
from store.vocabulary import OutboxState

_LOG = log.get("webhooks")
_LEASE = timedelta(minutes=2)
_MOST = 20
_SECONDS = 10.0
_RETRY = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
GIVE_UP = timedelta(days=2)
_AS_WRITTEN = "/%:@!$&'()*+,;=?-._~"
_PLACE = re.compile(r"\{([a-z_]+)\}")


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with `{key}` and its like filled once; what is not known stays as it stands."""
    return _PLACE.sub(lambda place: known.get(place[1], place[0]), text)


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a webhook goes: an absolute http(s) URL that the settings checked, and its secret."""

    url: str
    secret: bytes


#: Makes one POST: (hook, headers, body) → HTTP status. Raises OSError, HTTPException or ValueError.
Post = Callable[[Hook, dict[str, str], bytes], int]


def webhook_row(site: Site, facts: Facts, ticket: Mapping[str, Any], call: CallWebhook) -> dict[str, Any]:
    """The row of one POST: what happened, and the ticket as it stands."""
    trigger = "mail" if facts.mail else facts.action.verb if facts.action else facts.due or "timer"
    names = ("key", "subject", "status", "category", "department", "topic", "priority", "tags", "fields")
    told = {name: ticket[name] for name in names}
    told |= {"agent": ticket["agent_address"], "requester": ticket["requester_address"], "verified": ticket["verified"]}
    told |= {name: ticket[name].isoformat() if ticket[name] else None for name in ("created_at", "due_at")}
    body = {"type": f"rule.{trigger}", "timestamp": facts.now.isoformat(), "data": {"rule": call.by, "ticket": told}}
    return {
        "id": site.ids.new(),
        "name": call.name,
        "ticket_id": ticket["id"],
        "created_at": facts.now,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "next_attempt_at": facts.now,
    }


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def post(hook: Hook, headers: dict[str, str], body: bytes) -> int:
    """One POST; a redirect is an answer like any other, never followed. What is not ASCII is percent-encoded.

    Raises OSError, HTTPException, ValueError (a host that is no name).
    """
    parts = urlsplit(hook.url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)
    try:
        path = quote(parts.path, safe=_AS_WRITTEN) or "/"
        query = f"?{quote(parts.query, safe=_AS_WRITTEN)}" if parts.query else ""
        connection.request("POST", path + query, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def sweep(
    site: Site, hooks: Mapping[str, Hook], owner: str, stopping: Callable[[], bool] = lambda: False, send: Post = post
) -> int:
    """Make the POSTs that are due; how many were accepted. stopping: asked before each; the rest comes another time."""
    now = site.clock()
    alive = site.peers.alive
    due = site.writer.call(lambda connection: webhooks.claim(connection, owner, now, _LEASE, _MOST, alive))
    accepted = 0
    for row in due:
        if stopping():
            break
        state, answer = _try(row, hooks, int(now.timestamp()), send)
        if state is OutboxState.WAITING and now - row.created_at > GIVE_UP:
            state, answer = OutboxState.FAILED, f"{answer}; given up"
        values = _outcome(row, state, answer, now)
        site.writer.call(partial(_settle, row_id=row.id, owner=owner, values=values))
        accepted += state is OutboxState.ACCEPTED
        if state is not OutboxState.ACCEPTED:
            _LOG.warning("webhook", webhook=row.name, webhook_id=row.id, state=str(state), answer=answer)
    return accepted


def _settle(connection: Connection, row_id: int, owner: str, values: dict[str, Any]) -> bool:
    return webhooks.settle(connection, row_id, owner, **values)


def _try(row: Row[Any], hooks: Mapping[str, Hook], timestamp: int, send: Post) -> tuple[OutboxState, str]:
    hook = hooks.get(row.name)
    if hook is None:
        return OutboxState.FAILED, "mailgate.yaml no longer names this webhook"
    message_id, body = f"msg_{row.id:x}", row.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "mailgate",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(hook.secret, message_id, timestamp, body),
    }
    try:
        status = send(hook, headers, body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return OutboxState.WAITING, one_line(f"{type(error).__name__}: {error}")[:200]
    if 200 <= status < 300:
        return OutboxState.ACCEPTED, str(status)
    again = status in (408, 425, 429) or status >= 500
    return (OutboxState.WAITING if again else OutboxState.FAILED), str(status)


def _outcome(row: Row[Any], state: OutboxState, answer: str, now: datetime) -> dict[str, Any]:
    attempts = row.attempts + 1
    values: dict[str, Any] = {"state": str(state), "attempts": attempts, "answer": answer}
    if state is OutboxState.WAITING:
        return values | {"next_attempt_at": now + _RETRY[min(attempts, len(_RETRY)) - 1]}
    return values | {"settled_at": now}
