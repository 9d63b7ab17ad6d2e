"""A customer of the company: an organisation with its people, who write, sign in and look for their tickets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from mailgate.flows import directory
from mailgate.people import passwords
from store import people
from tests.house import SUPPORT, plain_mail, png
from tests.portal.browsing import Reader
from tests.unit.portal.conftest import Portal

VERA = ("Vera Lima", "vera@vetor.test")
LIA = ("Lia Reis", "lia@vetor.test")
MARCO = ("Marco Dias", "marco@vetor.test")
SHOP = "loja2@vetor.test"
SECRET = "uma frase que eu lembro"
PICTURE: Any = {"name": "erro.png", "mimeType": "image/png", "buffer": png()}

#: Each story is told twice: on a phone and at a desk, once with scripts and once without.
BOTH = pytest.mark.parametrize(("size", "scripts"), [("phone", True), ("desk", False)])
OTHER_WAY = pytest.mark.parametrize(("size", "scripts"), [("phone", False), ("desk", True)])


def organised(portal: Portal, roles: Mapping[tuple[str, str], str], *, shops: bool = False, **more: str) -> None:
    """Vetor Farma with these people, who have seen the first steps and have a password; with two shops if wanted.

    more: of each person's row, as `directory` takes it.
    """
    site = portal.house.site
    directory.put(site, "organisation", {"name": "Vetor Farma", "domains": "vetor.test"})
    if shops:
        for name, address in (("Matriz", ""), ("Loja 2", SHOP)):
            directory.put(site, "branch", {"organisation": "Vetor Farma", "name": name, "address": address})
        more = {"branch": "Matriz", **more}
    for (name, address), role in roles.items():
        row = {"address": address, "name": name, "role": role, "organisation": "Vetor Farma", **more}
        directory.put(site, "contact", row)
        change(portal, address, preferences={"started": True}, password=passwords.hashed(SECRET))


def change(portal: Portal, address: str, **values: Any) -> None:
    """Change the row of a contact."""

    def work(connection: Any) -> None:
        row = people.contact_by_address(connection, address)
        assert row is not None
        people.change_contact(connection, row.id, **values)

    portal.house.site.writer.call(work)


def writes(portal: Portal, who: tuple[str, str], subject: str, text: str = "Bom dia,\nnão funciona.") -> None:
    """A person opens a ticket by mail."""
    portal.house.receive(plain_mail(who, SUPPORT, subject, text))


def signs_in(reader: Reader, who: tuple[str, str], secret: str = SECRET) -> Page:
    """From the first page: Entrar, e-mail and password."""
    page = reader.opens("/")
    page.get_by_role("banner").get_by_role("link", name="Entrar").click()
    page.get_by_label("E-mail").fill(who[1])
    page.get_by_label("Senha", exact=True).fill(secret)
    reader.judge()
    page.get_by_role("button", name="Entrar", exact=True).click()
    return page


def menu(page: Page, who: tuple[str, str]) -> Locator:
    """The person's own menu, opened."""
    page.locator("details.who summary").click()
    expect(page.locator("details.who summary")).to_have_accessible_name(f"Menu de {who[0]}")
    return page.locator("details.who .card")


def sifts(reader: Reader, **chosen: str) -> Page:
    """Choose filters of a list: with scripts it follows by itself, without there is a button.

    chosen: by the name in the address, the label of the choice.
    """
    page = reader.page
    if page.locator("details.more").get_attribute("open") is None:
        page.locator("details.more summary").click()
    for name, label in chosen.items():
        page.locator(f"#l-{name}").select_option(label=label)
    if not reader.scripts:
        page.get_by_role("button", name="Filtrar").click()
    return page


def listed(page: Page, *subjects: str) -> None:
    """The list shows these tickets and no other, in whatever order."""
    rows = page.locator("#list .c-subject a")
    expect(rows).to_have_count(len(subjects))
    for subject in subjects:
        expect(rows.filter(has_text=subject)).to_have_count(1)


def status(page: Page, words: str) -> None:
    """The ticket's page says that this is its status."""
    expect(page.locator(".heading .pill")).to_have_text(words)
