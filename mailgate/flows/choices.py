"""What people chose in their profile, heeded when it is planned who is told. Pure: the choices are facts."""

from __future__ import annotations

from mailgate.decide.facts import Facts
from mailgate.flows.changed import Changed
from mailgate.notify.plan import Plan
from mailgate.people import preferences
from store.vocabulary import Role


def why_not(planned: Plan, changed: Changed, facts: Facts) -> str:
    """Why a customer does not want this notice by mail; "" when he does, or chose nothing."""
    if planned.to.role is not Role.CUSTOMER or planned.notice not in preferences.OPTIONAL or changed.ticket is None:
        return ""
    before = facts.ticket(changed.ticket["id"])
    if before is None:
        return ""
    everyone = (before.requester, *before.participants)
    wanted = next((one.mail for one in everyone if one.id == planned.to.id), "all")
    return preferences.read({"mail": wanted}).why_not_by_mail(planned.notice)
