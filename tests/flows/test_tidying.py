"""Sessions and links of one use are forgotten when they are of no more use, and not before."""

from __future__ import annotations

from collections.abc import Callable

from mailgate.flows import inviting, sessions, signing, tidying
from mailgate.flows.sessions import Came, Person
from store import people
from tests.flows.story import Story
from tests.house import ANA, SUPPORT, plain_mail


def test_what_has_expired_is_forgotten_after_a_while(make_story: Callable[..., Story]) -> None:
    story = make_story()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    site = story.site
    row = site.writer.call(lambda c: people.contact_by_address(c, ANA[1]))
    sessions.start(site, Person(contact=row), Came())
    inviting.invite(site, ANA[1])
    signing.ask_to_enter(site, ANA[1], ())
    assert tidying.sweep(site) == 0
    story.later(hours=13)
    assert tidying.sweep(site) == 0, "expired, and still known"
    story.later(days=1)
    assert tidying.sweep(site) == 1, "the session"
    story.later(days=29)
    assert tidying.sweep(site) == 1, "the link that signs in; the invitation expired a week later"
    story.later(days=8)
    assert tidying.sweep(site) == 1
    assert tidying.sweep(site) == 0
