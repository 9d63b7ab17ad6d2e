"""The indexes of tickets and of the outbox; above all those by which `store/listing.py` finds a list's in their order.

Each of those begins with whose tickets they are, then a status, then the order of the list: the first fifty of two
hundred thousand are the first fifty of the index, and so are any fifty further down.
"""

from __future__ import annotations

from sqlalchemy import Index, text

from store.queueindexes import QUEUE

#: Tickets that say themselves who sees them. Most say nothing, and the company's default holds.
SAID = text("visibility <> ''")

_LISTS = (
    Index("ix_ticket_list", "status", "updated_at", "number"),
    Index("ix_ticket_opened", "status", "created_at", "number"),
    Index("ix_ticket_requester", "requester_id", "status", "updated_at", "number"),
    Index("ix_ticket_branch_list", "branch_id", "status", "updated_at", "number"),
    Index("ix_ticket_organisation", "organisation_id", "status", "updated_at", "number"),
    Index("ix_ticket_organisation_opened", "organisation_id", "status", "created_at", "number"),
    Index("ix_ticket_said", "organisation_id", "updated_at", "number", sqlite_where=SAID, postgresql_where=SAID),
)

OF_TICKETS = (*_LISTS, Index("ix_ticket_agent", "agent_id", "status"), Index("ix_ticket_due", "due_at"), *QUEUE)

#: Acknowledgements: what is looked for by the mailbox, so that no cap reads all of a day.
COUNTED = text("mailbox IS NOT NULL")

OF_OUTBOX = (
    Index("ix_outbox_due", "state", "next_attempt_at"),
    Index("ix_outbox_recipient", "recipient", "notice", "created_at"),
    Index("ix_outbox_notice", "notice", "created_at"),
    Index("ix_outbox_mailbox", "mailbox", "created_at", sqlite_where=COUNTED, postgresql_where=COUNTED),
)
