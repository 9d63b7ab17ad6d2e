"""Step 8 of the line: carry a decision out, in the transaction it was made in. No decision is taken here.

Every change leaves an event. What was done comes back as `Changed`, from which notices are planned.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mailgate.decide.decision import (
    AddComment,
    AddParticipant,
    AskData,
    Assign,
    BlockSender,
    CallWebhook,
    Decision,
    Forward,
    JoinInto,
    OpenTicket,
    RefuseFiles,
    Remark,
    RemoveParticipant,
    Reply,
    Resume,
    ReturnedMail,
    SetDue,
    SetField,
    SetReplyTo,
    SetRequester,
    SetStatus,
    Share,
    StopTelling,
    Vouch,
)
from mailgate.decide.facts import Facts
from mailgate.decide.state import ending, pairs
from mailgate.flows import bell, duetimes, peoplework, rulework, ticketrow
from mailgate.flows.changed import Changed as Changed
from mailgate.flows.changed import Said as Said
from mailgate.flows.filerows import remarks, taken
from mailgate.flows.reaching import settle_report
from mailgate.flows.site import Site, SlaQuery
from mailgate.mail.addresses import normalise
from mailgate.mail.message import ParsedMessage
from store import journal, links, people, tickets, timers
from store.vocabulary import Category, CommentKind, Role

#: Of To and Cc of one mail, so many may comment from then on.
MOST_ADDRESSES = 10


class Effects:
    """Carries out the actions of one decision on one connection."""

    def __init__(self, connection: Connection, site: Site, facts: Facts, decision: Decision, said: Said) -> None:
        self._connection = connection
        self._site = site
        self._facts = facts
        self._decision = decision
        self._said = said
        self._now: datetime = facts.now
        self._changes: dict[str, Any] = {}
        self._due_is_set = False
        self._webhooks: list[CallWebhook] = []
        refused = next((a for a in decision.actions if isinstance(a, RefuseFiles)), None)
        self.changed = Changed(refused_files=refused)

    def carry_out(self) -> Changed:
        """Do what was decided, in order. Raises what the store raises; then nothing is kept."""
        existing = self._decision.ticket_id
        if existing is not None:
            row = next(iter(tickets.by_ids(self._connection, [existing])), None)
            assert row is not None, "a decided ticket is locked and there"
            self.changed.ticket = dict(row._mapping)
            self.changed.old_status = row.status
        for action in self._decision.actions:
            self._do(action)
        self._finish()
        return self.changed

    def _do(self, action: object) -> None:
        if self.changed.keeps(action):
            return
        if isinstance(action, OpenTicket):
            self._open(action)
        elif isinstance(action, AddComment):
            self._comment(action)
        elif isinstance(action, SetStatus):
            self._set_status(action)
        elif isinstance(action, SetField):
            self._set_field(action)
        elif isinstance(action, Assign):
            self._assign(action)
        elif isinstance(action, SetDue):
            self._set_due(action)
        elif isinstance(action, AddParticipant):
            self._add_participant(action)
        elif isinstance(action, Share):
            self._share(action)
        elif isinstance(action, Vouch):
            self._vouch(action)
        elif isinstance(action, SetRequester):
            self._set_requester(action)
        elif isinstance(action, SetReplyTo):
            self._changes["reply_to"] = action.address
            self._event("reply_to", self._decision.author.role, self._decision.author.address, {"to": action.address})
        elif isinstance(action, JoinInto):
            self._join(action)
        elif isinstance(action, BlockSender):
            self._block_sender(action)
        elif isinstance(action, Resume):
            self._resume(action)
        elif isinstance(action, Reply):
            made = rulework.reply(self._connection, self._site, self._ticket() | self._changes, action, self._now)
            self.changed.replies.append(made)
            self._event("replied", Role.SYSTEM, "", {"comment_id": str(made), "template": action.name, "by": action.by})
        elif isinstance(action, Forward):
            to = rulework.allow(self._connection, self._site, self._ticket()["id"], action)
            self.changed.forwards += to
            self._event("forwarded", Role.SYSTEM, "", {"to": ", ".join(to), "by": action.by})
        elif isinstance(action, CallWebhook):
            self._webhooks.append(action)
        elif isinstance(action, ReturnedMail):
            for kind, data in settle_report(self._connection, action, self._facts, self.changed):
                self._event(kind, Role.SYSTEM, "", data)
        elif isinstance(action, RefuseFiles):
            files = [{"name": one.name, "why": one.why} for one in action.files]
            self._event("files_refused", Role.SYSTEM, "", {"comment_id": str(self.changed.comment_id), "files": files})
        elif isinstance(action, AskData):
            self.changed.data = action
            self._event("data_missing", Role.SYSTEM, "", {"fields": ", ".join(action.keys)})
        elif isinstance(action, StopTelling):
            ticket = self._ticket()
            if bell.silence(
                self._connection, ticket["id"], ticket["requester_id"], action.contact_id, self._now
            ):  # fmt: skip
                self._event("muted", self._decision.author.role, self._decision.author.address, {"by": action.by})
        elif isinstance(action, RemoveParticipant):
            if people.remove_participant(self._connection, self._ticket()["id"], action.contact_id):
                self._event("participant_left", self._decision.author.role, self._decision.author.address, {})
        elif isinstance(action, Remark):
            self._event(action.kind, Role.SYSTEM, "", dict(action.data))

    def _open(self, action: OpenTicket) -> None:
        site, now = self._site, self._now
        address = normalise(action.requester_address)
        known = self._facts.sender
        if known is not None and known.address == address:
            requester = known
        else:
            requester = peoplework.contact_of(self._connection, site, address, action.requester_name, now)
        number = tickets.next_number(self._connection)
        row = ticketrow.opened(site, action, requester, number, now)
        tickets.add(self._connection, row)
        agent = next((a for a in self._facts.agents if a.id == action.agent_id), None)
        self.changed.ticket = row | ticketrow.people_of(requester, agent)
        self.changed.opened = True
        self.changed.old_status = action.status
        data = {"status": action.status, "channel": str(action.channel), "address": row["address"]}
        if action.claims:
            data["claims"] = action.claims
        if action.follow_up_of:
            data["follow_up_of"] = self._decision.thread.key
        self._event("opened", self._decision.author.role, self._decision.author.address, data)
        self._arm_timers(action.status)

    def _comment(self, action: AddComment) -> None:
        ticket = self._ticket()
        said, message = self._said, self._said.message
        from_mail = message is not None and action.role is not Role.SYSTEM
        public = action.kind is CommentKind.COMMENT
        is_agent = action.role is Role.AGENT
        passed_on = action.whole and not is_agent  # a part of the mail: the rest is not the customer's to read
        comment_id = self._note_to_turn() if is_agent else None
        if comment_id is not None:
            tickets.change_comment(
                self._connection, comment_id, kind=str(action.kind), reply=action.text, verified=action.verified
            )
        else:
            comment_id = self._site.ids.new()
            person = action.person_id
            if not is_agent and action.role is Role.CUSTOMER and person is None:
                person = self._contact_id(action)
            row = {
                "id": comment_id,
                "ticket_id": ticket["id"],
                "kind": str(action.kind),
                "role": str(action.role),
                "channel": str(action.channel),
                "contact_id": person if action.role is Role.CUSTOMER else None,
                "agent_id": person if is_agent else None,
                "author_name": action.author_name,
                "author_address": action.author_address,
                "verified": action.verified,
                "created_at": self._now,
                "text": message.text if message is not None and from_mail and not passed_on else action.text,
                "reply": action.text if action.whole or message is None else message.reply,
                "elided": message.elided if message is not None and from_mail and not passed_on else "",
                "html": message.html if message is not None and from_mail and not action.whole else None,
                "message_id": said.message_id if from_mail else None,
                "in_reply_to": message.in_reply_to if message is not None and from_mail else None,
                "journal_id": said.journal_id,
                "raw_sha256": said.raw_sha256 if from_mail else None,
            }
            files = message.attachments if message is not None and from_mail else said.attachments
            files = files if self.changed.comment_id is None else ()  # they came with the first
            kept = taken(files, self.changed.refused_files)
            rows = rulework.attachment_rows(self._site, ticket["id"], comment_id, kept)
            tickets.add_comment(self._connection, row, rows)
            if message is not None and from_mail and self.changed.comment_id is None:
                said_of_it = remarks(comment_id, message, rows)
                if said_of_it:
                    self._event("mail_read", Role.SYSTEM, "", said_of_it)
        if action.role is not Role.SYSTEM or self.changed.comment_id is None:  # a rule's note is not what was said
            self.changed.comment_id = comment_id
        if public:
            self.changed.public_comment_id = comment_id
            self.changed.comment_role = action.role
            self._changes["version"] = ticket["version"] + 1
        if action.role is Role.CUSTOMER and public:
            self._changes["last_customer_at"] = self._now
        if is_agent and public:
            self._changes["last_agent_at"] = self._now
        if from_mail and said.message_id and comment_id != said.existing_comment_id:
            self._remember(said.message_id, message)
            if public and action.verified:
                self._allow_addresses(message)
        data = {"comment_id": str(comment_id), "kind": str(action.kind), "channel": str(action.channel)}
        if not action.verified:
            data["verified"] = "no"
        if self._decision.author.via:
            data["via"] = self._decision.author.via
        if self._decision.author.proof == "link":
            data["proof"] = "link"
        if public:
            data["version"] = str(self._changes["version"])
        self._event("commented" if public else "noted", action.role, action.author_address, data)
        if bell.by_writing(self._connection, self._facts, self.changed, action, action.person_id):
            self._event("bell", action.role, action.author_address, {"on": "yes", "by": "wrote"})

    def _remember(self, message_id: str, message: ParsedMessage | None) -> None:
        """Which ticket this mail belongs to; and, when it opened one, the mail it answers, which may yet come."""
        ticket_id = self._ticket()["id"]
        if any(c.how == "their_message_id" and c.detail == message_id for c in self._facts.candidates):
            tickets.message_came(self._connection, message_id)
        tickets.remember_message_ids(self._connection, ticket_id, [message_id])
        if self.changed.opened and message is not None and message.in_reply_to:
            tickets.remember_message_ids(self._connection, ticket_id, [message.in_reply_to], awaited=True)

    def _note_to_turn(self) -> int | None:
        """The note that its agent has confirmed; only on the ticket where it stands."""
        note = self._said.existing_comment_id
        row = tickets.comment(self._connection, note) if note is not None else None
        return note if row is not None and row.ticket_id == self._ticket()["id"] else None

    def _contact_id(self, action: AddComment) -> int | None:
        ticket = self._ticket()
        address = normalise(action.author_address)
        if address == ticket["requester_address"]:
            found: int = ticket["requester_id"]
            return found
        if not address:
            return None
        return peoplework.contact_of(self._connection, self._site, address, action.author_name, self._now).id

    def _allow_addresses(self, message: ParsedMessage | None) -> None:
        """Who stood in To or Cc of a verified mail may comment; never our own addresses, nor agents."""
        if message is None:
            return
        agents = {a.address for a in self._facts.agents}
        named = [a.address for a in (*message.to, *message.cc)]
        allowed = [a for a in named if not self._site.is_ours(a) and a not in agents]
        tickets.allow_addresses(self._connection, self._ticket()["id"], allowed[:MOST_ADDRESSES])

    # --- changes -----------------------------------------------------------------------------------------------------

    def _set_status(self, action: SetStatus) -> None:
        ticket = self._ticket()
        old = self._changes.get("status", ticket["status"])
        workflow = self._site.book().workflow
        if action.status not in workflow.states or (action.status == old and not action.again):
            return
        since = self._changes.get("status_since", ticket["status_since"])
        due = self._changes.get("due_at", ticket["due_at"])
        if due is not None and workflow.pauses(old):
            self._changes["due_at"] = self._site.after_pause(due, since, self._now)
        self._changes["status_since"] = self._now
        if action.role is Role.AGENT:
            self._changes["version"] = ticket["version"] + 1
        if action.status != old:
            category = workflow.category(action.status)
            closed_at = self._now if category is Category.CLOSED else None
            self._changes |= {"status": action.status, "category": str(category), "closed_at": closed_at}
            self.changed.status_by = action.role
            self.changed.status_why = action.by
            actor = self._decision.author.address if action.role is not Role.SYSTEM else ""
            data = {"from": old, "to": action.status, "by": action.by}
            if action.role is Role.AGENT:
                data["version"] = str(self._changes["version"])
            self._event("status", action.role, actor, data)
        if timers.cancel(self._connection, ticket["id"], self._now):
            self.changed.timers.append({"cancelled": old})
        self._arm_timers(action.status)

    def _set_field(self, action: SetField) -> None:
        ticket = self._ticket()
        if action.name == "tags":
            old = self._changes.get("tags", ticket["tags"])
            new: Any = list(dict.fromkeys([*old, *action.values]))
        elif action.name == "fields":
            old = self._changes.get("fields", ticket["fields"])
            new = {**old, **pairs(action.values)}
        else:
            old, new = self._changes.get(action.name, ticket[action.name]), action.values[0]
        if old == new:
            return
        self._changes[action.name] = new
        if action.name in ("priority", "topic", "department") and self.changed.opened and not self._due_is_set:
            merged = ticket | self._changes
            query = SlaQuery(merged["priority"], merged["topic"], merged["department"])
            self._changes["due_at"] = self._site.due_at(self._now, query)
        self._event(action.name, Role.SYSTEM, "", {"from": str(old), "to": str(new), "by": action.by})

    def _assign(self, action: Assign) -> None:
        ticket = self._ticket()
        if action.draw == "round_robin" and action.agent_id is not None:
            tickets.agent_drawn(self._connection, action.agent_id, int(self._now.timestamp() * 1_000_000))
        if self._changes.get("agent_id", ticket["agent_id"]) == action.agent_id:
            return
        if action.agent_id is None:
            self._changes["agent_id"] = None
            ticket["agent_name"] = ticket["agent_address"] = None
            self._event("unassigned", self._decision.author.role, self._decision.author.address, {"by": action.by})
            return
        agent = next((a for a in self._facts.agents if a.id == action.agent_id), None)
        if agent is None:
            return
        self._changes["agent_id"] = agent.id
        ticket["agent_name"], ticket["agent_address"] = agent.name, agent.address
        role = self._decision.author.role
        self._event("assigned", role, self._decision.author.address, {"agent": agent.address, "by": action.by})

    def _set_due(self, action: SetDue) -> None:
        """A due date that a person or a rule names; the promise of sla.yaml no longer counts in this change."""
        ticket, at = self._ticket(), action.at
        if at is None and action.amount:
            at = self._site.due_in(self._now, action.amount)
        old, self._due_is_set = self._changes.get("due_at", ticket["due_at"]), True
        if at == old:
            return
        self._changes["due_at"] = at
        data = {"from": old.isoformat() if old else "", "to": at.isoformat() if at else "", "by": action.by}
        self._event("due", self._decision.author.role, self._decision.author.address, data)

    def _add_participant(self, action: AddParticipant) -> None:
        person = peoplework.add_participant(self._connection, self._site, self._ticket(), action, self._now)
        if person is None:
            return
        if action.tell:
            self.changed.added.append(person)
        data = {"participant": person.address, "by": action.by}
        if not action.contributes:
            data["contributes"] = "no"
        self._event("participant_added", self._decision.author.role, self._decision.author.address, data)

    def _share(self, action: Share) -> None:
        ticket, author = self._ticket(), self._decision.author
        new, mailboxes = peoplework.share(self._connection, self._site, ticket, action, self._now)
        self.changed.added += mailboxes
        for row in new:
            self._event("shared", author.role, author.address, {"branch": row.name, "by": action.by})
        old = self._changes.get("visibility", ticket["visibility"])
        if action.visibility and action.visibility != old:
            self._changes["visibility"] = action.visibility
            self._event("visibility", author.role, author.address, {"from": old, "to": action.visibility})

    def _vouch(self, action: Vouch) -> None:
        ticket = self._ticket()
        if action.words:
            tickets.vouch_for(self._connection, ticket["id"], ticket["requester_id"])
        self._changes["verified"] = True
        author = self._decision.author
        self._event("vouched", author.role, author.address, {"by": action.by, "words": "yes" if action.words else "no"})

    def _set_requester(self, action: SetRequester) -> None:
        ticket = self._ticket()
        person = peoplework.contact_of(self._connection, self._site, action.address, action.name, self._now)
        if person.id == ticket["requester_id"]:
            return
        data = {"from": ticket["requester_address"], "to": person.address, "by": action.by}
        self._changes |= {
            "requester_id": person.id, "organisation_id": person.organisation_id, "branch_id": person.branch_id,
            "reply_to": "",
        }  # fmt: skip
        ticket |= {
            "requester_name": person.name,
            "requester_address": person.address,
            "requester_language": person.language,
            "requester_active": person.active,
        }
        self.changed.new_requester = True
        self._event("requester", self._decision.author.role, self._decision.author.address, data)

    def _join(self, action: JoinInto) -> None:
        """What was said moves to the other ticket, with the Message-IDs; the people of this one follow the other."""
        ticket = self._ticket()
        tickets.join(self._connection, ticket["id"], action.ticket_id)
        before = self._facts.ticket(ticket["id"])
        into = next(t for t in self._facts.named if t.id == action.ticket_id)
        followers = [ticket["requester_id"], *(p.id for p in before.participants)] if before else []
        for contact_id in followers:
            if contact_id != into.requester.id:
                people.add_participant(self._connection, action.ticket_id, contact_id, self._now)
        self._changes["joined_into"] = action.ticket_id
        end = ending(self._site.book())
        if end:
            self._set_status(SetStatus(end, action.by, Role.AGENT))
        self.changed.silent = True
        actor = self._decision.author.address
        self._event("joined", Role.AGENT, actor, {"into": action.key, "by": action.by})
        self._event("joined_from", Role.AGENT, actor, {"from": ticket["key"], "by": action.by}, action.ticket_id)

    def _block_sender(self, action: BlockSender) -> None:
        ticket = self._ticket()
        people.change_contact(self._connection, ticket["requester_id"], active=False)
        self.changed.silent = True
        data = {"sender": ticket["requester_address"], "by": action.by}
        self._event("sender_blocked", Role.AGENT, self._decision.author.address, data)

    def _resume(self, action: Resume) -> None:
        """The held answer goes through the line again, or is dropped; the raw mail stays in the journal either way."""
        if action.how == "dropped":
            said = f"dropped by {self._decision.author.address}"
            journal.drop(self._connection, action.journal_id, self._now, reason="dropped", detail=said)
        else:
            journal.resume(self._connection, action.journal_id, self._now, action.how, held=True)
        data = {"journal_id": str(action.journal_id), "how": action.how}
        self._event("answer_resumed", Role.AGENT, self._decision.author.address, data)

    def _arm_timers(self, status: str) -> None:
        rows = duetimes.arm(self._connection, self._site, self._ticket()["id"], status, self._now)
        self.changed.timers += [{"name": r["name"], "due_at": r["due_at"].isoformat()} for r in rows]

    # --- the end -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        ticket = self.changed.ticket
        if ticket is None:
            return
        answered = self.changed.comment_role is Role.AGENT and not self.changed.opened
        if answered and all(event["kind"] != "due" for event in self.changed.events):
            self._changes |= duetimes.next_check(self._site, ticket | self._changes, self._now)
        if self._changes:
            self._changes["updated_at"] = self._now
            tickets.change(self._connection, ticket["id"], **self._changes)
            ticket.update(self._changes)
        if not self.changed.opened and self.changed.public_comment_id is not None:
            links.extend(self._connection, ticket["id"], self._now, self._now + self._site.lifetimes.access)
            duetimes.said(self._connection, self._site, ticket, ticket["status"])
        rulework.call(self._connection, self._site, self._facts, ticket, self._webhooks)
        tickets.add_event(self._connection, self.changed.events)

    def _ticket(self) -> dict[str, Any]:
        assert self.changed.ticket is not None, "an action on a ticket comes after the ticket"
        return self.changed.ticket

    def _event(self, kind: str, role: Role, actor: str, data: dict[str, Any], ticket_id: int | None = None) -> None:
        if self.changed.ticket is None:
            return
        self.changed.events.append(
            {
                "id": self._site.ids.new(),
                "ticket_id": ticket_id or self.changed.ticket["id"],
                "at": self._now,
                "kind": kind,
                "role": str(role),
                "actor": actor,
                "data": data,
                "journal_id": self._said.journal_id,
            }
        )
