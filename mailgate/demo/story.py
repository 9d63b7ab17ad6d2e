"""The story on the terminal: what just happened, and the line to paste next.

mail in → acknowledgement → an agent answers → the customer replies → #resolvido → the customer replies → reopened.
Whoever leaves the path still sees all that happens; the next step waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mailgate.clock import Clock
from mailgate.demo import lines
from mailgate.demo.cast import ANA, BRUNO, CAST, PASSWORD, SUPPORT
from mailgate.demo.lines import Draft
from mailgate.demo.mailbox import Letter, Mailbox
from mailgate.demo.ports import LOOPBACK, Ports
from mailgate.demo.watch import Seen
from mailgate.demo.words import Words
from store.vocabulary import Category, Notice, OutboxState

_COLOURS = {"in": "cyan", "out": "green", "ticket": "magenta"}


@dataclass(slots=True)
class Story:
    """Tells events and leads on. label: a status's word for people. All calls from one thread at a time."""

    console: Console
    words: Words
    ports: Ports
    mailbox: Mailbox
    clock: Clock
    label: Callable[[str], str]
    folder: Path
    program: str = "mailgate"
    step: str = "write"
    key: str = ""
    acknowledged: str = ""
    told_bruno: Letter | None = None

    def banner(self) -> None:
        """What runs where, and the first line to paste."""
        t, ports = self.words, self.ports
        agents = ", ".join(p.address for p in CAST if p.is_agent)
        self._plain("")
        self._plain(t("banner.title"), "bold")
        self._plain(t("banner.lead"))
        self._plain("")
        rows = [
            (t("banner.mailboxes"), self._url(ports.mailbox)),
            (t("banner.portal"), self._url(ports.portal)),
            (t("banner.smtp"), f"{LOOPBACK}:{ports.smtp}  ({SUPPORT})"),
            (
                t("banner.submission"),
                f"{LOOPBACK}:{ports.submission}  {t('banner.login', addresses=agents, password=PASSWORD)}",
            ),
            (t("banner.lmtp"), f"{LOOPBACK}:{ports.lmtp}"),
            (t("banner.ops"), f"{self._url(ports.ops)}readyz"),
            (t("banner.folder"), str(self.folder)),
            (t("banner.commands"), f"{self.program} export --json --config {self.folder}"),
        ]
        width = max(len(name) for name, _ in rows) + 2
        for name, value in rows:
            self._print(Text.assemble((f"  {name:<{width}}", "dim"), value))
        self._plain("")
        self._plain(f"  {t('banner.stop')}", "dim")
        self._lead("write", lines.first_mail(t))

    def tell(self, seen: Seen) -> None:
        """Print one thing that happened, and the next step when it was the one waited for."""
        if seen.kind == "mail":
            self._mail(seen)
        elif seen.kind == "event":
            self._event(seen)
        else:
            self._sent(seen)

    def bye(self) -> None:
        """The last words."""
        self._plain("")
        self._plain(self.words("bye", folder=self.folder, program=self.program))

    # --- what happened -----------------------------------------------------------------------------------------------

    def _mail(self, seen: Seen) -> None:
        row = seen.row
        name = f"line.{row.outcome}"
        if not self.words.has(name):
            return
        author = _clean(row.author or row.mail_from or "<>")
        subject, detail = _clean(row.subject or ""), _clean(row.detail or "")
        self._line("in", self.words(name, author=author, subject=subject, key=seen.key, detail=detail))
        if row.outcome == "opened" and not self.key:
            self.key = seen.key

    def _event(self, seen: Seen) -> None:
        row = seen.row
        if row.kind == "status":
            old, new = (self.label(str(row.data.get(end, ""))) for end in ("from", "to"))
            self._line("ticket", self.words("line.status", key=seen.key, old=old, new=new))
        elif row.kind == "assigned":
            self._line("ticket", self.words("line.assigned", key=seen.key, agent=row.data.get("agent", "")))
        elif row.kind == "noted":
            self._line("ticket", self.words("line.noted", key=seen.key, author=row.actor))

    def _sent(self, seen: Seen) -> None:
        row = seen.row
        known = f"notice.{row.notice}"
        notice = self.words(known) if self.words.has(known) else row.notice
        to = _clean(row.recipient)
        if row.state != OutboxState.ACCEPTED:
            self._line("out", self.words("line.failed", notice=notice, to=to, answer=_clean(row.answer)))
            return
        letter = self.mailbox.find(row.message_id, row.recipient)
        link = f"  {self._link(letter)}" if letter else ""
        self._line("out", self.words("line.accepted", notice=notice, to=to) + link)
        if letter is not None and seen.key == self.key:
            self._go_on(row.notice, letter, solved=row.category == Category.SOLVED)

    # --- what to do next ---------------------------------------------------------------------------------------------

    def _go_on(self, notice: str, letter: Letter, *, solved: bool) -> None:
        """The next step, if this letter is the one that the story waits for."""
        to_ana, to_bruno = letter.to == ANA.address, letter.to == BRUNO.address
        t, link = self.words, self._link(letter)
        if self.step == "write":  # the acknowledgement and the agent's notice leave side by side
            self.acknowledged = link if to_ana else self.acknowledged
            self.told_bruno = letter if to_bruno else self.told_bruno
            if self.acknowledged and self.told_bruno is not None:
                draft = lines.reply(self.told_bruno, t, "answer")
                self._lead("answer", draft, key=self.key, ack=self.acknowledged)
        elif self.step == "answer" and to_ana and notice == Notice.N5:
            self._lead("reply", lines.reply(letter, t, "thanks"), link=link)
        elif self.step == "reply" and to_bruno and notice == Notice.N19:
            self._lead("resolve", lines.reply(letter, t, "resolve"), link=link)
        elif self.step == "resolve" and to_ana and solved:
            self._lead("reopen", lines.reply(letter, t, "again"), key=self.key, link=link)
        elif self.step == "reopen" and not solved:
            self.step = "done"
            told = {"key": self.key, "link": link, "program": self.program, "folder": self.folder, "support": SUPPORT}
            self._heading(t("step.done", **told))
            self._plain("")

    def _lead(self, step: str, draft: Draft, **values: object) -> None:
        self.step = step
        self._heading(self.words(f"step.{step}", **values))
        self._plain("")
        self._plain(lines.python_line(draft, self.ports), "yellow")
        if step == "write":
            self._plain("")
            self._plain(f"{self.words('swaks')}:", "dim")
            self._plain("")
            self._plain(lines.swaks_line(draft, self.ports), "yellow")
        self._plain("")

    def _heading(self, text: str) -> None:
        self._plain("")
        first, *rest = text.split("\n")
        self._print(Text.assemble((f"▶ {self.words('next')}: ", "bold"), (first, "bold")))
        for line in rest:
            self._plain(line, "bold")

    # --- printing ----------------------------------------------------------------------------------------------------

    def _line(self, kind: str, text: str) -> None:
        time = self.clock().astimezone().strftime("%H:%M:%S")
        self._print(Text.assemble((f"{time}  ", "dim"), (f"{self.words(kind):<8}", _COLOURS[kind]), text))

    def _plain(self, text: str, style: str = "") -> None:
        self._print(Text(text, style))

    def _print(self, text: Text) -> None:
        """Soft-wrapped: a long line stays one line for whoever copies it."""
        self.console.print(text, soft_wrap=True)

    def _url(self, port: int) -> str:
        return f"http://{LOOPBACK}:{port}/"

    def _link(self, letter: Letter) -> str:
        return f"{self._url(self.ports.mailbox)}m/{letter.number}"


def _clean(text: str) -> str:
    """Text without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)
