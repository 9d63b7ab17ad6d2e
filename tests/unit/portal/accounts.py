"""What tests of accounts share: Ana with a password, forms filled in as a browser does, the links that were mailed."""

from __future__ import annotations

import json
from typing import Any

import httpx

from mailgate.people import passwords
from store import people
from tests.house import ANA, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, form_fields

SECRET, OTHER = "uma frase que eu lembro", "outra frase bem comprida"


def with_ana(portal: Portal, password: str | None = SECRET) -> Portal:
    portal.house.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    change(portal, preferences={"started": True})
    if password is not None:
        change(portal, password=passwords.hashed(password))
    return portal


def change(portal: Portal, address: str = ANA[1], **values: Any) -> None:
    row = ana(portal, address)
    portal.house.site.writer.call(lambda c: people.change_contact(c, row.id, **values))


def ana(portal: Portal, address: str = ANA[1]) -> Any:
    with portal.house.site.writer.database.read() as connection:
        return people.contact_by_address(connection, address)


def fill(browser: httpx.Client, page: str, path: str = "", **fields: str) -> httpx.Response:
    """Fill in the form of a page and send it, to where the page sends it or to the path of another button."""
    shown = browser.get(page)
    assert shown.status_code == 200, shown.status_code
    return browser.post(path or page.partition("?")[0], data={**form_fields(shown.text), **fields})


def sign_in(browser: httpx.Client, address: str = ANA[1], password: str = SECRET, **fields: str) -> httpx.Response:
    return fill(browser, "/login", address=address, password=password, **fields)


def link_of(portal: Portal, notice: str) -> str:
    body = json.loads(portal.house.outbox(notice)[-1].body)
    return f"/{body['once']}/{portal.house.site.mint.access_token(body['once_id'], body['once'])}"


def wait_for(portal: Portal, notice: str, count: int = 1) -> list[Any]:
    """The mails of a notice, so many: they are written after the answer."""
    portal.wait_idle()
    found = portal.house.outbox(notice)
    assert len(found) == count
    return found
