"""From facts to a decision with its reasons. Pure: no session, no clock, no network.

One function for all that can happen to a ticket: a mail, a person on a page or at a terminal, a due time. What is
decided is a list of actions in order; `flows.effects` carries them out and `notify.plan` says who is told.
"""

from __future__ import annotations

from mailgate.decide.action import by_person
from mailgate.decide.chain import with_consequences
from mailgate.decide.decision import Decision
from mailgate.decide.facts import Facts
from mailgate.decide.formclock import begins
from mailgate.decide.mail import by_mail
from mailgate.decide.moving import started, with_acts
from mailgate.decide.ruling import Book
from mailgate.decide.timer import by_due_date, by_timer


def decide(facts: Facts, book: Book) -> Decision:
    """What becomes of a mail, of a person's action, or of a due time. Total for any facts."""
    if facts.mail is not None:
        decision = by_mail(facts, facts.mail, book)
    elif facts.action is not None:
        decision = by_person(facts, facts.action, book)
    elif facts.due:
        decision = by_due_date(facts, book)
    else:
        decision = by_timer(facts, book)
    decision = with_consequences(started(decision, facts, book), facts, book)
    return begins(with_acts(decision, facts, book), facts, book)
