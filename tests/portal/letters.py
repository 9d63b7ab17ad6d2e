"""What people find in their mailboxes: the notices that a portal's house wrote, rendered as they would leave."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cache

import html5lib

from mailgate.flows.rendering import Renderer, job_of
from mailgate.i18n import Translations
from mailgate.notify.compose import Composer
from mailgate.resources import data_folder
from tests.integration.machine import wait_until
from tests.unit.portal.conftest import Portal


@cache
def _composer() -> Composer:
    templates = data_folder("templates")
    return Composer(templates, Translations.load(templates / "translations"))


@dataclass(frozen=True)
class Letter:
    """A mail as its reader sees it. links: (what it says, where it leads), in their order."""

    subject: str
    text: str
    links: tuple[tuple[str, str], ...]

    def link(self, words: str) -> str:
        """Where the first link with these words in it, or in its address, leads."""
        web = [(said, where) for said, where in self.links if where.startswith("http")]
        found = next((where for said, where in web if words in said or words in where), None)
        assert found is not None, f"no link {words!r} in {self.links}"
        return found


def letter_to(portal: Portal, address: str, notice: str, nth: int = 1) -> Letter:
    """The nth mail of a kind to an address, once it is written: some are after the answer has left."""

    def there() -> bool:
        return len([row for row in portal.house.outbox(notice) if row.recipient == address]) >= nth

    wait_until(there, what=f"{notice} to {address}, the {nth}. time")
    row = [row for row in portal.house.outbox(notice) if row.recipient == address][nth - 1]
    site = portal.house.site
    with site.writer.database.read() as connection:
        job = job_of(connection, site, row, site.clock())
    mail = message_from_bytes(Renderer(_composer(), site.blobs, None).mail(job), policy=default)
    assert isinstance(mail, EmailMessage)
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    tree = html5lib.parse(rich.get_content(), namespaceHTMLElements=False)
    links = tuple((" ".join("".join(a.itertext()).split()), a.get("href", "")) for a in tree.iter("a"))
    return Letter(str(mail["Subject"]), plain.get_content(), links)
