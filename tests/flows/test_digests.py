"""The mails of the calendar: each once a day or a week, only to whom it says something, late rather than never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from zoneinfo import ZoneInfo

import pytest

from mailgate.flows import profile
from mailgate.flows.digests import Digests
from mailgate.flows.directory import put
from mailgate.flows.figures import of_period
from mailgate.flows.site import DigestTime, DigestTimes
from store import people
from tests.flows.story import Story
from tests.flows.test_notices import MARTA, body, press
from tests.house import ANA, BRUNO, SUPPORT, plain_mail

ZONE = ZoneInfo("America/Sao_Paulo")
#: A Wednesday.
NOON = datetime(2025, 11, 12, 12, 0, tzinfo=ZONE)


@pytest.fixture
def company(make_story: Callable[..., Story]) -> Story:
    """Ana's ticket, opened on the Wednesday of the week before."""
    story = make_story(
        agents=[
            {"name": BRUNO[0], "address": BRUNO[1], "departments": ["suporte"]},
            {"name": MARTA[0], "address": MARTA[1], "departments": ["gestao"], "role": "manager"},
        ]
    )
    story.clock.now = NOON - timedelta(days=7)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    return story


def test_an_agent_gets_what_waits_once_a_working_day_from_eight_on(company: Story) -> None:
    company.clock.now = NOON.replace(hour=7)
    assert Digests(company.site).sweep() == 0
    company.clock.now = NOON
    digests = Digests(company.site)
    digests.sweep()
    digests.sweep()
    Digests(company.site).sweep()  # after a restart
    assert company.told("AGENT_DIGEST") == [("AGENT_DIGEST", BRUNO[1])]
    (row,) = body(company.outbox("AGENT_DIGEST")[0])["rows"]
    assert (row["key"], row["overdue"]) == ("SUP-1", True)
    company.clock.now = NOON + timedelta(days=3)  # a Saturday
    digests.sweep()
    assert len(company.told("AGENT_DIGEST")) == 1
    company.agent_answers("SUP-1", "#resolvido\nPronto.")
    company.clock.now = NOON + timedelta(days=5)
    digests.sweep()
    assert len(company.told("AGENT_DIGEST")) == 1, "nothing waits, nothing is said"


def test_the_week_is_told_to_managers_once_and_says_what_stats_says(company: Story) -> None:
    company.later(hours=2)
    company.agent_answers("SUP-1", "#resolvido\nInstale a versão 8.2.")
    press(company, "rate_4")
    company.clock.now = NOON
    Digests(company.site).sweep()
    Digests(company.site).sweep()
    assert company.told("WEEKLY") == [("WEEKLY", MARTA[1])]
    (total,) = body(company.outbox("WEEKLY")[0])["figures"]
    assert (total["opened"], total["solved"], total["first_answer"], total["rating"]) == (1, 1, 7200.0, 4.0)
    with company.site.writer.database.read() as connection:
        found = of_period(connection, company.site, NOON - timedelta(days=8), NOON, "pt-BR")
    assert [(one.name, one.solved, one.rating) for one in found.by_agent] == [(BRUNO[0], 1, 4.0)]
    assert [one.opened for one in found.by_department] == [1]


def test_hours_and_days_are_the_companys_own(make_story: Callable[..., Story], company: Story) -> None:
    """`digests:` of mailgate.yaml: what is held at two, the agents' on Saturdays at six, the week on Thursdays."""
    times = DigestTimes(
        agents=DigestTime(6, frozenset({5})), held=DigestTime(14), weekly=DigestTime(12, frozenset({3}))
    )
    site = replace(company.site, digests=times)
    company.receive(plain_mail(("Suporte", SUPPORT), SUPPORT, "Eco", "Eco.", verified=False))
    digests = Digests(site)

    def at(days: int, hour: int) -> list[str]:
        before = len(company.told())
        company.clock.now = NOON.replace(hour=hour) + timedelta(days=days)
        digests.sweep()
        return [notice for notice, _ in company.told()[before:]]

    assert at(0, 12) == ["WEEKLY"], "last Thursday's is late"
    assert at(0, 14) == ["HELD_DIGEST"]
    assert at(1, 14) == ["HELD_DIGEST", "WEEKLY"], "a Thursday"
    assert at(3, 6) == ["AGENT_DIGEST"]


def test_held_mails_are_named_to_who_leads(company: Story) -> None:
    company.receive(plain_mail(("Suporte", SUPPORT), SUPPORT, "Eco", "Eco.", verified=False))
    company.clock.now = NOON
    Digests(company.site).sweep()
    assert company.told("HELD_DIGEST") == [("HELD_DIGEST", MARTA[1])]
    assert [one["status"] for one in body(company.outbox("HELD_DIGEST")[0])["rows"]] == ["loop"]


def test_a_customers_manager_gets_what_is_open_with_its_deadlines(company: Story) -> None:
    """S3:108: all open tickets and deadlines, with a calendar."""

    def lead(connection: object) -> None:
        from sqlalchemy import insert, update

        from store.tables import CONTACT, ORGANISATION, TICKET

        assert hasattr(connection, "execute")
        connection.execute(insert(ORGANISATION).values(id=7, name="Clínica", domains=[], created_at=NOON, tier=""))
        connection.execute(update(CONTACT).values(organisation_id=7, role="manager"))
        connection.execute(update(TICKET).values(organisation_id=7))

        connection.execute(
            insert(CONTACT).values(
                id=8, name="Bia", address="bia@cliente.test", organisation_id=7, role="manager", active=True,
                created_at=NOON,
            )
        )  # fmt: skip
        connection.execute(update(TICKET).values(visibility="private"))

    company.site.writer.call(lead)
    company.clock.now = NOON
    Digests(company.site).sweep()
    company.later(days=1)
    Digests(company.site).sweep()
    assert company.told("N14") == [("N14", ANA[1])], "once a week, and not to another manager: it is private"
    mail = next(m for m in company.deliver() if m.id == company.outbox("N14")[0].id)
    parsed = message_from_bytes(mail.raw, policy=policy.default)
    (file,) = parsed.iter_attachments()  # type: ignore[union-attr]
    assert file.get_content_type() == "text/calendar"
    with company.site.writer.database.read() as connection:
        assert people.agents(connection)


def test_a_customers_manager_who_wants_no_digest_gets_none(company: Story) -> None:
    put(company.site, "organisation", {"name": "Cliente", "domains": "cliente.test"})
    put(company.site, "contact", {"address": "chefe@cliente.test", "organisation": "Cliente", "role": "manager"})
    company.receive(plain_mail(ANA, SUPPORT, "Boleto", "O boleto venceu."))
    boss = company.site.writer.call(lambda c: people.contact_by_address(c, "chefe@cliente.test"))
    profile.save_choices(company.site, boss.id, "all", (), digests=False)
    company.clock.now = NOON
    Digests(company.site).sweep()
    assert company.told("N14") == []
    profile.save_choices(company.site, boss.id, "all", (), digests=True)
    Digests(company.site).sweep()
    assert company.told("N14") == [("N14", "chefe@cliente.test")]
