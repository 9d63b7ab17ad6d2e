"""Steps 9 and 10 of the line: who is told, and one outbox row for each, in the transaction of what it tells.

A row keeps what is told as it was at that moment; the words are made at the first try (`deliver`). Each copy has its
own reply address and Message-ID, which say whose copy it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.decide.decision import Decision
from mailgate.decide.facts import AgentFacts, Bound, ContactFacts, Facts, News
from mailgate.flows import bell, choices, telephone
from mailgate.flows.bundling import digests, entry, put_off
from mailgate.flows.effects import Changed, Said
from mailgate.flows.extras import extras, hear_of_rating, hear_of_rules, recipient
from mailgate.flows.formrows import asking, form
from mailgate.flows.linkrows import new_link
from mailgate.flows.newhands import new_hands
from mailgate.flows.outlook import Outlook
from mailgate.flows.site import Site
from mailgate.links.tokens import ReplyIdentity, bounce_address, digest, reply_address
from mailgate.mail.subject import without_keys
from mailgate.notify.plan import ASSIGNED, MOVED, AckCaps, Cap, Happened, Person, Plan, plan
from mailgate.tickets.acts import NOTICES
from store import links, outbox, suppressions, tickets
from store.vocabulary import Category, Notice, OutboxState, Outcome, Role

#: A person's words travel in these: they come under his name, and arrive whatever notices.yaml says.
_ANSWERS = frozenset({Notice.N5, Notice.N7, Notice.N10, Notice.N11, Notice.N12})
_FROM_PERSON = _ANSWERS - {Notice.N11} | {Notice.N2}
_SAYS_REFUSED = frozenset({Notice.N1, Notice.N19, Notice.FILES})
#: How the reason of a notice begins that a resting address does not get.
_RESTS = "the address gets no notices"
#: Ticket number and person 0: a notice about no ticket.
_NOBODY = 0

_NEW_HANDS = {ASSIGNED: "assigned", MOVED: "moved"}


class Telling:
    """Plans and writes the notices of one decision on one connection."""

    def __init__(
        self, connection: Connection, site: Site, facts: Facts, decision: Decision, changed: Changed, said: Said
    ) -> None:
        self._connection = connection
        self._site = site
        self._facts = facts
        self._decision = decision
        self._changed = changed
        self._said = said
        self._now = facts.now
        self._thread: tuple[str, tuple[str, ...]] | None = None
        self._links: list[dict[str, Any]] = []
        self._reopened = False
        self._noted: list[tuple[str, dict[str, Any]]] = []  # events about resting addresses
        self._believed = ""  # the resting address whose owner wrote
        self._not_sent: dict[str, Any] = {}  # by agent: the resting address that his answer did not go to
        self._outlook = Outlook(connection, site)

    def tell(self) -> list[Plan]:
        """Write an outbox row for every notice that is not suppressed; all plans, for the record."""
        written = self.write(self.plans())
        for kind, data in self._noted:
            self._add_event(kind, data)
        if self._believed:
            suppressions.forget(self._connection, self._believed)
        self._note_missing(written)
        return written

    def plans(self) -> list[Plan]:
        """Who is told, and who not and why; nothing is written."""
        plans = plan(self._happened())
        to = {p.to.address for p in plans if p.to.role is Role.CUSTOMER and not p.suppressed}
        to |= {self._decision.author.address} - {""}
        rows = suppressions.of(self._connection, sorted(to))
        resting = {a: r for a, r in rows.items() if r.until is not None and r.until > self._now}
        told = [self._switched(p) for p in self._without_resting(plans, resting)]
        ticket = self._changed.ticket
        if ticket is None or self._changed.opened:
            return told
        where = partial(recipient, ticket=ticket, facts=self._facts)
        bounds, asked = self._site.policy.notices, ticket["requester_id"]
        return put_off(self._connection, bounds, self._now, ticket["id"], told, where, asked)

    def supposed_plans(self, resting: Mapping[str, Any]) -> list[Plan]:
        """The same without asking the database which addresses rest: for what is only tried out."""
        return [self._switched(p) for p in self._without_resting(plan(self._happened()), dict(resting))]

    def _switched(self, planned: Plan) -> Plan:
        """The plan as notices.yaml has it: an answer whose own notice is off goes as N5, for it must arrive."""
        sends = self._site.sends
        if planned.suppressed:
            return planned
        off = bell.OFF if bell.is_off(planned, self._changed, self._facts) else ""
        off = off or choices.why_not(planned, self._changed, self._facts)
        if off:
            return replace(planned, suppressed=off)
        if sends(planned.notice):
            return planned
        to_customer = planned.to.role is Role.CUSTOMER
        if planned.notice in _ANSWERS and to_customer and self._changed.comment_role is Role.AGENT and sends(Notice.N5):
            return replace(planned, notice=Notice.N5)
        return replace(planned, suppressed="notices.yaml: off")

    def _without_resting(self, plans: list[Plan], resting: dict[str, Any]) -> list[Plan]:
        """No notices to an address whose mails come back; an agent whose answer stays behind is told at once.

        An address whose owner just wrote, proven, is believed again.
        """
        author = self._decision.author
        if author.address in resting and author.verified and author.role is Role.CUSTOMER:
            self._believed = resting.pop(author.address).address
            self._noted.append(("address_cleared", {"address": author.address, "why": "the owner wrote"}))
        self._noted = self._noted[:1] if self._believed else []
        kept: list[Plan] = []
        for one in plans:
            row = resting.get(one.to.address) if one.to.role is Role.CUSTOMER else None
            if row is None or one.suppressed:
                kept.append(one)
                continue
            why = f"{_RESTS} until {row.until:%Y-%m-%d}: {row.reason}"
            kept.append(replace(one, suppressed=why))
            self._noted.append(("not_told", {"notice": str(one.notice), "to": one.to.address, "why": why}))
            writer = self._agent_person(author.person_id or 0) if author.role is Role.AGENT else None
            if writer is not None and one.notice in _FROM_PERSON:
                self._not_sent[writer.address] = row
                kept.append(Plan(Notice.DELIVERY_FAILED, writer, "an answer was not sent"))
        return kept

    def _add_event(self, kind: str, data: dict[str, Any]) -> None:
        ticket = self._changed.ticket
        if ticket is None:
            return
        event = {
            "id": self._site.ids.new(), "ticket_id": ticket["id"], "at": self._now, "kind": kind,
            "role": str(Role.SYSTEM), "actor": "", "data": data, "journal_id": self._said.journal_id,
        }  # fmt: skip
        tickets.add_event(self._connection, [event])

    def _note_missing(self, plans: list[Plan]) -> None:
        """What the requester was not told: an acknowledgement, a message where no provider is set up."""
        ticket = self._changed.ticket
        if ticket is None:
            return
        missing = next((p for p in plans if p.notice is Notice.N1 and p.suppressed), None)
        if missing is not None and not missing.suppressed.startswith(_RESTS):  # of those that rest it is said already
            self._add_event("not_told", {"notice": str(missing.notice), "why": missing.suppressed})
        for data in telephone.missing(self._site, self._changed):
            self._add_event("not_told", data)

    def write(self, plans: list[Plan]) -> list[Plan]:
        """Write an outbox row for each of these plans that is not suppressed."""
        rows = [self._row(p) for p in plans if not p.suppressed]
        told = partial(entry, self._site, self._decision, self._changed)
        rows += digests(self._connection, self._now, plans, self._row, told)
        outbox.enqueue(self._connection, rows)
        outbox.enqueue(self._connection, self._by_telephone(plans))
        links.add(self._connection, self._links)
        self._links = []
        return plans

    def _by_telephone(self, plans: list[Plan]) -> list[dict[str, Any]]:
        ticket = self._changed.ticket
        return [] if ticket is None else telephone.rows(
            self._connection, self._site, self._facts, self._decision, self._changed, plans, self._requester(ticket),
            self._no_answer(), self._said.journal_id, lambda to: self._link(ticket, to),
        )  # fmt: skip

    # --- what happened, in the words of the plan ---------------------------------------------------------------------

    def _happened(self) -> Happened:
        facts, decision, changed = self._facts, self._decision, self._changed
        ticket = changed.ticket
        mail = facts.mail
        base = Happened(decision.author.address, decision.author.verified)
        if decision.outcome is Outcome.REJECTED and mail is not None:
            requester = Person(
                0, decision.author.name, decision.author.address, self._language(mail.language), Role.CUSTOMER
            )
            return replace(base, requester=requester, rejected=True, no_answer=self._no_answer())
        if ticket is None:
            refused = self._agent_person(changed.refused.agent_id) if changed.refused else None
            asked = self._agent_person(changed.asked.agent_id) if changed.asked else None
            return replace(base, refused=refused, asked=asked)
        everyone = [self._of_agent(a) for a in facts.agents]
        agent = next((p for p in everyone if p.id == ticket["agent_id"]), None)
        department = [self._of_agent(a) for a in facts.agents if ticket["department"] in a.departments]
        before = next((t for t in facts.tickets if t.id == ticket["id"]), None)
        workflow = self._site.book().workflow
        old = workflow.category(changed.old_status) if changed.old_status in workflow.states else None
        moved = changed.status_by is not None and not changed.opened
        self._reopened = moved and old is Category.SOLVED and ticket["category"] == Category.OPEN
        return replace(
            base,
            requester=self._requester(ticket) if ticket["requester_active"] else None,
            participants=tuple(self._of_contact(p) for p in before.participants) if before else (),
            agent=agent,
            department_agents=tuple(department or everyone),
            opened=changed.opened,
            opened_by_agent=changed.opened and self._for_somebody_else(ticket),
            commented=changed.comment_role,
            status_by=changed.status_by if moved else None,
            reopened=self._reopened,
            notices=tuple(NOTICES[one.what] for one in changed.asked_to_tell if one.channel == "mail"),
            always="status_changed" in workflow.always,
            no_answer=self._no_answer(),
            asked=self._agent_person(changed.asked.agent_id) if changed.asked else None,
            refused=self._agent_person(changed.refused.agent_id) if changed.refused else None,
            returned=changed.returned.action if changed.returned else "",
            files_refused=changed.refused_files is not None,
            data_missing=changed.data is not None and changed.data.again,
            also=tuple(self._of_agent(a) for a in hear_of_rules(changed, facts)),
            added=tuple(self._of_contact(c) for c in changed.added),
            new_requester=changed.new_requester,
            reported=self._agent_person(changed.report.agent_id) if changed.report else None,
            silent=changed.silent,
            due=facts.due,
            rating_to=tuple(self._of_agent(a) for a in hear_of_rating(self._site, facts, decision)),
            replies=tuple(changed.replies),
            forwards=tuple(Person(0, "", a, self._site.policy.locale, Role.SYSTEM) for a in changed.forwards),
            said=changed.public_comment_id,
            caps=self._caps(),
            **new_hands(self._connection, changed),
        )

    def _for_somebody_else(self, ticket: dict[str, Any]) -> bool:
        """Whether an agent opened the ticket, in a customer's name."""
        author = self._decision.author
        return author.role is Role.AGENT and ticket["requester_address"] != author.address

    def _no_answer(self) -> str:
        """Why no automatic answer may go to this mail's author; "" when it may."""
        mail = self._facts.mail
        if mail is None:
            return ""
        if not mail.may_answer:
            return f"automatic mail: {mail.kind_reason or mail.kind}"
        # When it came (a mailbox says when it took the mail), not its Date: a wrong clock must not cost an answer.
        if (self._now - mail.received_at).total_seconds() > self._site.policy.ack_within_seconds:
            return "the mail is older than ack_within"
        return ""

    def _caps(self) -> AckCaps:
        counters, policy = self._facts.counters, self._site.policy
        return AckCaps(
            _capped(policy.acks, counters.reply_acks if self._speaks_for_another() else counters.acks),
            _capped(policy.verified_acks, counters.verified_acks),
            _capped(policy.total_acks, counters.total_acks),
        )

    def _speaks_for_another(self) -> bool:
        """Whether a form's mail was taken as that of the person in Reply-To."""
        mail, sender, author = self._facts.mail, self._facts.sender, self._decision.author
        wrote = {mail.author.address if mail and mail.author else author.address, sender.address if sender else ""}
        return author.address not in wrote

    def _language(self, wanted: str | None) -> str:
        policy = self._site.policy
        return wanted if wanted in policy.languages else policy.locale

    def _of_agent(self, agent: AgentFacts) -> Person:
        return Person(agent.id, agent.name, agent.address, self._language(agent.language), Role.AGENT)

    def _of_contact(self, contact: ContactFacts) -> Person:
        ticket = self._changed.ticket
        language = contact.language or (ticket["language"] if ticket else None)
        return Person(contact.id, contact.name, contact.address, self._language(language), Role.CUSTOMER)

    def _requester(self, ticket: dict[str, Any]) -> Person:
        language = self._language(ticket["requester_language"] or ticket["language"])
        return Person(
            ticket["requester_id"], ticket["requester_name"], ticket["requester_address"], language, Role.CUSTOMER
        )

    def _agent_person(self, agent_id: int) -> Person | None:
        return next((self._of_agent(a) for a in self._facts.agents if a.id == agent_id), None)

    # --- a row -------------------------------------------------------------------------------------------------------

    def _row(self, planned: Plan) -> dict[str, Any]:
        site, ticket = self._site, self._changed.ticket
        row_id = site.ids.new()
        number = ticket["number"] if ticket else _NOBODY
        version = ticket["version"] if ticket else 0
        identity = ReplyIdentity(number, planned.to.id, planned.to.role, version, planned.notice)
        token = site.mint.reply_token(identity)
        own = site.own(ticket["address"]) if ticket else self._own_of_mail()
        body = self._body(planned, own.address)
        by_agent = self._changed.comment_role is Role.AGENT and planned.comment_id is None
        automatic = planned.notice not in _FROM_PERSON or not by_agent
        person = own.plus and ticket and planned.to.id  # whom a rule forwards to is nobody we know
        body["reply_to"] = reply_address(own.address, token) if person else own.address
        body["auto_submitted"] = ("auto-replied" if planned.notice is Notice.N1 else "auto-generated") * automatic
        to_automatic = self._decision.automatic and planned.to.role is Role.CUSTOMER
        null = site.null_sender and (planned.notice is Notice.N1 or to_automatic)
        envelope_from = "" if null else bounce_address(own.address, token) if own.plus else own.address
        return {
            "id": row_id,
            "ticket_id": ticket["id"] if ticket else None,
            "notice": str(planned.notice),
            "recipient": recipient(planned, ticket, self._facts),
            "recipient_role": str(planned.to.role),
            "person_id": planned.to.id or None,
            "verified": self._decision.author.verified,
            "envelope_from": envelope_from,
            "message_id": site.mint.message_id(token, row_id, site.host),
            "created_at": self._now,
            "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            "comment_id": None if asking(planned, self._changed) else planned.comment_id or self._changed.comment_id,
            "journal_id": self._said.journal_id,
            "state": str(OutboxState.WAITING),
            "next_attempt_at": self._now,
        }

    def _own_of_mail(self) -> Any:
        mail = self._facts.mail
        return self._site.own(mail.own_address) if mail else self._site.addresses[0]

    def _body(self, planned: Plan, own_address: str) -> dict[str, Any]:
        site, changed, ticket = self._site, self._changed, self._changed.ticket
        workflow = site.book().workflow
        language = planned.to.language
        verified = self._decision.author.verified or planned.notice is not Notice.N1
        if planned.notice is Notice.N4:  # anybody asks for it who knows key and address
            verified = ticket is not None and bool(ticket["verified"])
        body: dict[str, Any] = {
            "language": language,
            "recipient_name": planned.to.name,
            "verified": verified if planned.to.role is Role.CUSTOMER else self._decision.author.verified,
            "from_address": own_address,
            "from_name": self._from_name(planned),
        }
        if changed.refused is not None and planned.notice is Notice.COMMAND_ERROR:
            reason, _, word = changed.refused.problem.partition(":")
            body |= {"reason": reason, "problem": word, "commands": list(changed.refused.commands)}
        if changed.report is not None and planned.notice is Notice.COMMAND_DONE:
            body["commands"] = list(changed.report.commands)
            body["explain"] = changed.report.what == "why"
        if changed.asked is not None and planned.notice is Notice.CONFIRM:
            body["reason"] = changed.asked.why
            body["news"] = [[n.kind, n.who, _iso(n.at), self._news(n, language)] for n in self._facts.news]
            if changed.asked.link:
                body["confirm_id"] = self._confirm_link(changed.asked.agent_id)
        if changed.returned is not None:
            body["problem"] = " ".join(
                x for x in (changed.returned.recipient, changed.returned.status, changed.returned.diagnostic) if x
            )
        if changed.refused_files is not None and planned.notice in _SAYS_REFUSED:
            # To an unproven sender only our own words: the reasons, no name of a file.
            known = self._decision.author.verified or planned.to.role is Role.AGENT
            body["refused"] = [(one.why, one.name if known else "") for one in changed.refused_files.files[:20]]
        if planned.notice is Notice.DELIVERY_FAILED:
            body |= self._rest_of(planned)
        if planned.notice is Notice.N20:
            body |= {"problem": self._decision.why, "reason": str(self._decision.reason)}
        if ticket is None:
            mail = self._facts.mail
            return body | {
                "key": self._decision.thread.key,
                "subject": mail.subject if mail else "",
                "in_reply_to": mail.message_id if mail else "",
                "references": [mail.message_id] if mail else [],
            }
        body |= extras(site, self._facts, self._decision, ticket, planned, self._link)
        body |= form(site.book(), ticket, changed, planned)
        in_reply_to, references = self._thread_of(ticket, planned)
        status = ticket["status"]
        return (
            body
            | {
                "key": ticket["key"],
                "number": ticket["number"],
                "subject": without_keys(ticket["subject"], site.policy.key_prefix),
                "status": workflow.label(status, language),
                "category": ticket["category"],
                "old_status": workflow.label(changed.old_status, language) if changed.status_by else "",
                "agent": ticket["agent_name"] or "",
                "department": site.department_labels(ticket["department"], language),
                "created_at": _iso(ticket["created_at"]),
                "link_id": self._link(ticket, planned.to) if planned.to.id else None,
                "in_reply_to": in_reply_to,
                "references": references,
                "event": _NEW_HANDS.get(planned.why) or self._event(),
                "organisation": self._facts.organisation if planned.to.role is Role.AGENT else "",
                "requester_name": ticket["requester_name"] if planned.to.role is Role.AGENT else "",
                "requester_address": ticket["requester_address"] if planned.to.role is Role.AGENT else "",
                "participants": [],
                "claims": ticket["claims"],
            }
            | self._outlook.says(planned, ticket, self._changed)
        )

    def _news(self, one: News, language: str) -> str:
        return self._site.book().workflow.label(one.said, language) if one.kind == "status" else one.said

    def _rest_of(self, planned: Plan) -> dict[str, Any]:
        """What an agent is told of an address that gets no notices."""
        row = self._not_sent.get(planned.to.address)
        if row is not None:
            problem = f"{row.address} {row.status} {row.reason}".replace("  ", " ")
            return {"reason": "not_sent", "problem": problem, "rests_until": _iso(row.until)}
        return {"reason": "", "rests_until": _iso(self._changed.rests_until)}

    def _event(self) -> str:
        """Why an agent is told; "" where a rule asked for it without anybody having written."""
        if self._reopened:
            return "reopened"
        if self._facts.due:
            return self._facts.due
        if self._changed.opened:
            return "opened"
        if self._changed.comment_id is not None:
            return "commented"
        return "closed" if self._changed.status_by is Role.CUSTOMER else ""

    def _from_name(self, planned: Plan) -> str:
        """A person's answer comes under his name, with the company's beside it; all else from the company."""
        company = self._site.company.name
        author = self._decision.author
        own_words = planned.comment_id in (None, self._changed.public_comment_id)
        if planned.notice in _FROM_PERSON and self._changed.comment_role is not None and author.name and own_words:
            return f"{author.name} ({company})"
        if planned.notice is Notice.N19 and author.role is Role.CUSTOMER and author.name:
            return f"{author.name} ({company})"
        return company

    def _thread_of(self, ticket: dict[str, Any], planned: Plan) -> tuple[str, list[str]]:
        """In-Reply-To and References (RFC 5322 §3.6.4): the conversation's own id first, then the customer's mails.

        The conversation's id is never that of a mail; every notice names it, so that Gmail, Outlook and Apple Mail keep
        one thread even for a person who never got the customer's mails.
        """
        root = f"{ticket['key'].lower()}.{ticket['id']:x}.conversation@{self._site.host}"
        if planned.to.role is Role.AGENT:
            return root, [root]
        if self._thread is None:
            own = self._said.message_id if self._changed.comment_role is Role.CUSTOMER else None
            ids = [own] if self._changed.opened and own else []
            if not ids:
                ids = tickets.last_message_ids(self._connection, ticket["id"], 5)
            self._thread = (ids[0] if ids else ""), tuple(reversed(ids))
        last, chain = self._thread
        return last or root, [root, *chain]

    def _link(self, ticket: dict[str, Any], to: Person) -> int:
        """The id of the person's access link to the ticket, made if there is none that still opens."""
        is_agent = to.role is Role.AGENT
        person = {"agent_id": to.id} if is_agent else {"contact_id": to.id}
        if not self._changed.opened:
            found = links.newest(self._connection, ticket["id"], **person)
            if found is not None and found.expires_at > self._now and self._prints_as_it_was(found):
                link_id: int = found.id
                return link_id
        row = new_link(self._site, ticket["id"], self._now, **person)
        self._links.append(row)
        made: int = row["id"]
        return made

    def _prints_as_it_was(self, link: Row[Any]) -> bool:
        """Whether our key still makes the token that the link was made with."""
        same: bool = link.digest == digest(self._site.mint.access_token(link.id))
        return same

    def _confirm_link(self, agent_id: int) -> int:
        site = self._site
        row_id = site.ids.new()
        links.add_one_use(
            self._connection,
            {
                "id": row_id,
                "digest": digest(site.mint.access_token(row_id, "confirm")),
                "purpose": "confirm",
                "journal_id": self._said.journal_id,
                "comment_id": self._changed.comment_id,
                "agent_id": agent_id,
                "created_at": self._now,
                "expires_at": self._now + site.lifetimes.one_use,
            },
        )
        return row_id


def _capped(bounds: tuple[Bound, ...], counts: tuple[int, ...]) -> tuple[Cap, ...]:
    return tuple(Cap(b.count, b.seconds, c) for b, c in zip(bounds, counts, strict=False))


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
