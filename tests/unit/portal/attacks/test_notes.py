"""Whatever happened on a ticket, no word of a note reaches a customer: by mail, on a page, in a table or an export."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import Any

import httpx
import pytest

from mailgate.flows import dossier
from store.vocabulary import Road
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail
from tests.unit.portal.conftest import Portal, form_fields

SECRET = "zqsegredo"  # begins every word of a note; what is public begins with zqfala
STEPS = 14


class History:
    """A ticket of Ana's that Carmen follows, and what its people do next by chance."""

    def __init__(self, story: Story, portal: Portal, chance: random.Random) -> None:
        self.story, self.portal, self.chance, self.said = story, portal, chance, 0
        mail = plain_mail(ANA, SUPPORT, "Estoque", "zqfala: não fecha.")
        self.key = story.receive(mail.replace(b"Subject:", f"Cc: {CARMEN[1]}\r\nSubject:".encode(), 1)).key
        self.steps: list[Callable[[], None]] = [
            self.customer, self.customer, self.follower, self.page, self.answer, self.answer, self.answer_beneath,
            self.note, self.note, self.note_with_file, self.by_key, self.unproven, self.out_of_office, self.unknown,
            self.solved, self.days,
        ]  # fmt: skip

    def word(self, begins: str) -> str:
        self.said += 1
        return f"{begins}{self.said} {self.chance.choice(('ontem', 'hoje', 'amanhã'))}"

    def agent(self, text: str, files: Any = (), to: str = "", head: str = "", user: str = BRUNO[1]) -> None:
        to = to or self.story.agents_copy(self.key)
        mail = plain_mail(BRUNO, to, f"Re: Estoque [{self.key}]", text, files=files, verified=False)
        self.story.receive(head.encode() + mail, [to], road=Road.SUBMISSION if user else Road.LMTP, auth_user=user)

    def newest_text(self) -> str:
        """The newest notice to Bruno, as he sees it: with the notes that were told to him."""
        self.story.deliver()
        mine = [one for one in self.story.sent if one.recipient == BRUNO[1]]
        return text_of(mine[-1].raw) if mine else ""

    def customer(self) -> None:
        self.story.receive(plain_mail(ANA, SUPPORT, f"Re: [{self.key}]", self.word("zqfala")))

    def follower(self) -> None:
        self.story.receive(plain_mail(CARMEN, SUPPORT, f"Re: [{self.key}]", self.word("zqfala")))

    def page(self) -> None:
        browser = self.portal.opened(self.key)
        page = browser.get(f"/tickets/{self.key}")
        fields = form_fields(page.text)
        browser.post(f"/tickets/{self.key}", data=fields | {"text": self.word("zqfala")})

    def answer(self) -> None:
        quoted = "\n".join(f"> {line}" for line in self.newest_text().splitlines())
        self.agent(f"{self.word('zqfala')}\n\nEm qua., 5 de nov. de 2025, Suporte <{SUPPORT}> escreveu:\n{quoted}\n")

    def answer_beneath(self) -> None:
        quoted = "\n".join(f"> {line}" for line in self.newest_text().splitlines())
        self.agent(f"Em qua., 5 de nov. de 2025, Suporte <{SUPPORT}> escreveu:\n{quoted}\n\n{self.word('zqfala')}\n")

    def note(self) -> None:
        self.agent(f"#nota\n{self.word(SECRET)}")

    def note_with_file(self) -> None:
        file = (f"{SECRET}.txt", "text/plain", f"{SECRET} dentro".encode())
        self.agent(f"{self.word(SECRET)}\n#nota", files=[file])

    def by_key(self) -> None:
        self.agent(self.word(SECRET), to=SUPPORT)

    def unproven(self) -> None:
        self.agent(self.word(SECRET), user="")

    def out_of_office(self) -> None:
        self.agent(f"{SECRET} estou de férias.", head="Auto-Submitted: auto-replied\r\n")

    def unknown(self) -> None:
        self.agent(f"#resovido\n{self.word(SECRET)}")

    def solved(self) -> None:
        self.agent(f"#resolvido\n{self.word('zqfala')}")

    def days(self) -> None:
        self.story.later(days=self.chance.randrange(1, 6))
        self.story.sweep()


def text_of(raw: bytes) -> str:
    mail: Any = message_from_bytes(raw, policy=default)
    return "\n".join(str(part.get_content()) for part in mail.walk() if part.get_content_maintype() == "text")


def whole(raw: bytes) -> str:
    """Everything that a mail says, decoded: its header, each part, each file's name."""
    mail: Any = message_from_bytes(raw, policy=default)
    said = [f"{name}: {value}" for name, value in mail.items()]
    for part in mail.walk():
        if part.get_content_maintype() != "multipart":
            content = part.get_content()
            said += [str(part.get_filename()), content if isinstance(content, str) else repr(content)]
    return "\n".join(said)


def pages(browser: httpx.Client, key: str) -> str:
    paths = ("/", "/requests", f"/requests?q={SECRET}", "/requests.csv", f"/tickets/{key}", "/statistics", "/profile")
    seen = "\n".join(browser.get(path, follow_redirects=True).text for path in paths)
    return seen.replace(f"q={SECRET}", "").replace(f'value="{SECRET}"', "")  # what was asked for comes back


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 13))])
def test_no_word_of_a_note_reaches_a_customer(make_portal: Callable[..., Portal], house_url: str, seed: int) -> None:
    portal = make_portal(url=house_url)
    story = Story(portal.house.site, clock=portal.clock)
    history = History(story, portal, random.Random(seed))
    for _ in range(STEPS):
        history.chance.choice(history.steps)()
        history.answer() if history.chance.random() < 0.3 else None
    story.deliver()
    key = history.key
    outside = [one for one in story.sent if one.recipient != BRUNO[1]]
    assert len(outside) >= 2
    assert any(one.recipient == BRUNO[1] and SECRET in whole(one.raw) for one in story.sent) or seed
    for one in outside:
        assert SECRET not in whole(one.raw), one.recipient
    for address in (ANA[1], CARMEN[1]):
        seen = pages(portal.signed_in(address), key)
        assert "zqfala" in seen
        assert SECRET not in seen
    assert SECRET not in pages(portal.opened(key), key)
    with story.site.writer.database.read() as connection:
        for address in (ANA[1], CARMEN[1]):
            out = io.BytesIO()
            assert dossier.write(connection, story.site.blobs, address, out, story.site.clock())
            with zipfile.ZipFile(out) as archive:
                for name in archive.namelist():
                    assert SECRET not in name
                    lines = archive.read(name).decode().splitlines()
                    assert [line for line in lines if SECRET in line] == [], name
