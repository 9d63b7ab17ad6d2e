"""A company of the documents on a running gateway: its address, its agents, its customers, and days that pass.

Mails go in by SMTP and come out at a relay; nothing else is asked but `export`, which anybody can run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.integration import clients
from tests.integration.clients import Attached, Client, Person, Picture
from tests.integration.desk import Desk, browser
from tests.integration.machine import wait_until
from tests.integration.sink import Caught


@dataclass
class Company(Desk):
    """One preset at work. support: the address that customers write to."""

    support: str = ""
    passed: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The gateway's own now: the story's day."""
        return datetime.now(UTC) + self.passed

    def pass_time(self, **by: float) -> None:
        """So many days or hours pass, once nothing is under way; what is due fires at the next tick."""
        self.settled()
        step = timedelta(**by)
        self.passed += step
        self.gateway.advance(step)

    # -- customers -------------------------------------------------------------------------------------------------

    def known(self, name: str, address: str) -> Person:
        """A customer whose mail server proves who writes (SPF)."""
        self.proves(address.rpartition("@")[2])
        return Person(name, address)

    def writes(
        self,
        who: Person,
        subject: str,
        text: str,
        client: Client = clients.GMAIL,
        *,
        to: str = "",
        picture: Picture | None = None,
        files: Sequence[Attached] = (),
        cc: Sequence[Person] = (),
    ) -> None:
        """`who` writes a mail of his own to the company."""
        to = to or self.support
        copies = ", ".join(one.mailbox for one in cc)
        raw = clients.first(
            client, who, subject, text, at=self.now(), to=to, picture=picture, files=files, cc=copies
        )  # fmt: skip
        self.gateway.send(raw, [to], who.address)

    def first_to(self, who: Person, nth: int = 1) -> Caught:
        """The nth mail that reached a person at all."""
        return self.sink.wait_for(nth, to=who.address)[nth - 1]

    def reads(self, who: Person, key: str, words: str, status: str = "") -> Caught:
        """The newest mail to a person about that ticket with these words in it, once it is there.

        status: what it must say the ticket's status is.
        """

        def found() -> Caught | None:
            mails = [m for m in self.sink.to(who.address) if str(m.message["X-Mailgate-Ticket"]) == key]
            fits = [m for m in mails if words in read(m) and (not status or f"{status}\n" in m.text)]
            return fits[-1] if fits else None

        try:
            mail = wait_until(found, 20, f"a mail to {who.address} about {key} with {words!r} {status!r}")
        except AssertionError as error:
            have = "\n=====\n".join(m.text for m in self.sink.to(who.address)[-3:])
            raise AssertionError(f"{error}\n{have}") from error
        assert mail is not None
        return mail

    def presses(self, who: Person, mail: Caught, label: str, text: str = "") -> None:
        """Press a button that is an e-mail: the client fills in what stands in its link, the person adds `text`."""
        found = re.search(rf"- {re.escape(label)}[^\n]*\n\s+(mailto:\S+)", mail.text)
        assert found, f"no button {label!r} in\n{mail.text}"
        link = urlsplit(found[1])
        filled = parse_qs(link.query)
        sent = EmailMessage(policy=SMTP)
        sent["From"] = who.mailbox
        sent["To"] = to = unquote(link.path)
        sent["Subject"] = filled["subject"][0]
        sent["Date"] = self.now()
        sent["Message-ID"] = f"<{abs(hash((to, text)))}@{who.address.rpartition('@')[2]}>"
        sent.set_content(f"{text}\n{filled.get('body', [''])[0]}")
        self.gateway.send(sent.as_bytes(), [to], who.address)

    def rates(self, mail: Caught, score: int, comment: str) -> tuple[int, str]:
        """Follow the link of the survey and fill in its page."""
        link = self.link_in(mail, "rate")
        client = browser()
        page = self._get(client, link)[1].decode()
        nonce = re.search(r'name="nonce" value="([^"]+)"', page)
        assert nonce, page
        form = urlencode({"nonce": nonce[1], "score": score, "comment": comment}).encode()
        status, said = self._get(client, link, form)
        return status, said.decode()

    def hears(self, who: Person, words: str) -> Caught:
        """The first mail to somebody with these words, about a ticket or not, once it is there."""
        mails = wait_until(
            lambda: [m for m in self.sink.to(who.address) if words in read(m)], 20, f"{words!r} to {who.address}"
        )
        return mails[0]

    # -- agents ----------------------------------------------------------------------------------------------------

    def works(self, agent: Person, mail: Caught, text: str, **more: Any) -> None:
        """An agent presses Reply on a mail of ours, signed in on the submission port."""
        raw = clients.reply(clients.THUNDERBIRD, agent, mail, text, at=self.now(), **more)
        self.gateway.submit(raw, [clients.address_of(mail)], agent.address)

    def status(self, key: str, status: str) -> dict[str, Any]:
        """The ticket once it has that status (by the workflow's key)."""
        return self.ticket(key, lambda row: row["status"] == status)


def read(mail: Caught) -> str:
    """The text of a mail as one line: where it is folded is nobody's concern."""
    return " ".join(mail.text.split())


def count_to(company: Company, who: Person, key: str) -> int:
    """How many mails about a ticket reached a person."""
    return company.count_told(who.address, key)
