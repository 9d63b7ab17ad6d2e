"""R068, A13: once a quarter each contact of an organisation is asked whether its data are right (N18), by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailgate.flows import inviting
from mailgate.flows.reviewing import Reviews
from store import people
from store.tables import CONTACT
from tests.flows.story import Story
from tests.flows.test_notices import body
from tests.house import ANA, SUPPORT, plain_mail

ZONE = ZoneInfo("America/Sao_Paulo")
AUGUST = datetime(2025, 8, 4, 12, 0, tzinfo=ZONE)
LUIZ, RITA = ("Luiz", "luiz@cliente.test"), ("Rita", "rita@cliente.test")
OUTSIDER = ("Eva", "eva@outra.test")


@pytest.fixture
def company(make_story: Callable[..., Story]) -> Story:
    """Cliente's people: Ana, who administers them, Luiz, who was invited, Rita, who only wrote; and Eva of nowhere."""
    story = make_story()
    story.clock.now = AUGUST
    _people(story)
    return story


def _people(story: Story) -> None:
    site = story.site
    organisation = site.ids.new()

    def work(connection: object) -> None:
        people.add_organisation(  # type: ignore[arg-type]
            connection,
            {"id": organisation, "name": "Cliente", "domains": ["cliente.test"], "created_at": site.clock()},
        )

    site.writer.call(work)
    for name, address in (ANA, LUIZ, RITA, OUTSIDER):
        story.receive(plain_mail((name, address), SUPPORT, f"Oi {name}", "Oi."))
    for name, address in (ANA, LUIZ, OUTSIDER):
        values = {"verified_at": site.clock(), "role": "master" if (name, address) == ANA else "light"}
        _change(story, address, **values)


def _change(story: Story, address: str, **values: object) -> None:
    (row,) = story.rows(CONTACT, CONTACT.c.address == address)
    story.site.writer.call(lambda c: people.change_contact(c, row.id, **values))


def _asked(story: Story) -> list[str]:
    """Who is asked now, by a process that has just begun."""
    before = len(story.outbox("N18"))
    reviews = Reviews(story.site)
    while reviews.sweep():
        pass
    return [row.recipient for row in story.outbox("N18")[before:]]


def _confirm(story: Story, address: str) -> bool:
    told = body([row for row in story.outbox("N18") if row.recipient == address][-1])
    return inviting.verify(story.site, story.site.mint.access_token(told["once_id"], "verify"))


def _at(story: Story, *when: int) -> Story:
    story.clock.now = datetime(*when, tzinfo=ZONE)  # type: ignore[arg-type, misc]
    return story


def test_three_quarters(company: Story) -> None:
    """Each quarter from its first working day at eight on; not twice after a restart; only people of organisations."""
    assert _asked(company) == [], "all confirmed in this quarter"
    assert _asked(_at(company, 2025, 10, 1, 7, 59)) == []
    assert _asked(_at(company, 2025, 10, 1, 8, 0)) == [ANA[1], LUIZ[1]]
    assert _asked(_at(company, 2025, 10, 1, 8, 1)) == []
    _at(company, 2025, 10, 15, 10, 0)
    assert _confirm(company, LUIZ[1])
    assert not _confirm(company, LUIZ[1]), "a link serves once"
    (luiz,) = company.rows(CONTACT, CONTACT.c.address == LUIZ[1])
    assert luiz.verified_at == company.clock()
    assert _asked(_at(company, 2025, 12, 31, 18, 0)) == []
    _change(company, ANA[1], verified_at=company.clock())
    assert _asked(_at(company, 2026, 1, 1, 12, 0)) == [LUIZ[1]], "Ana has just confirmed"
    assert _asked(_at(company, 2026, 2, 1, 12, 0)) == []
    assert _asked(_at(company, 2026, 6, 30, 12, 0)) == [ANA[1], LUIZ[1]], "late rather than never"
    assert _asked(_at(company, 2026, 6, 30, 13, 0)) == []


def test_not_on_the_weekend_that_a_quarter_begins_with(company: Story) -> None:
    """1 January 2028 is a Saturday."""
    assert _asked(_at(company, 2028, 1, 1, 12, 0)) == []
    assert _asked(_at(company, 2028, 1, 3, 12, 0)) == [ANA[1], LUIZ[1]]


def test_who_administers_gets_the_list_and_each_sees_what_is_known_of_him(company: Story) -> None:
    _change(company, LUIZ[1], phone="+55 48 3333-1234")
    _change(company, RITA[1], role="manager")
    _asked(_at(company, 2025, 10, 1, 9, 0))
    ana, luiz = company.outbox("N18")
    assert [row["subject"] for row in body(ana)["rows"]] == [ANA[1], LUIZ[1], RITA[1]]
    assert [(row["subject"], row["who"]) for row in body(luiz)["rows"]] == [(LUIZ[1], "+55 48 3333-1234")]
    assert sorted(m.recipient for m in company.deliver() if b"/verify/" in m.raw) == [ANA[1], LUIZ[1]]


def test_part_by_part(company: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailgate.flows.reviewing._MOST", 1)
    reviews = Reviews(_at(company, 2025, 10, 1, 9, 0).site)
    assert [reviews.sweep(), reviews.sweep(), reviews.sweep()] == [1, 1, 0]


@pytest.mark.parametrize("how", ["digests", "notices"])
def test_nobody_is_asked_where_it_is_switched_off(company: Story, how: str) -> None:
    site = company.site
    if how == "digests":
        company.site = replace(site, digests=replace(site.digests, contacts=None))
    else:
        company.site = replace(site, sends=lambda notice: notice != "N18")
    assert _asked(_at(company, 2025, 10, 1, 9, 0)) == []


def test_a_contact_who_left_is_not_asked(company: Story) -> None:
    company.switch_off(LUIZ[1])
    company.later(days=60)
    assert _asked(_at(company, 2025, 10, 2, 9, 0)) == [ANA[1]]
