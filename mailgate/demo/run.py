"""`mailgate demo`: the same serving code as `mailgate serve`, with a world around it and a story beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mailgate.app import read_company_of
from mailgate.clock import utc_now
from mailgate.demo.folder import MAILBOX, prepare, zone
from mailgate.demo.mailbox import Mailbox
from mailgate.demo.ports import require_free
from mailgate.demo.stage import Stage
from mailgate.demo.story import Story
from mailgate.demo.watch import Watch
from mailgate.demo.web import make_web
from mailgate.demo.words import Words
from mailgate.scaffold import FILE_NAME
from mailgate.serving.serve import ROLES, Options, run
from mailgate.settings import load_settings
from store.engine import Database


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for. offset: of the ports, None to leave them; program: how to call mailgate."""

    folder: Path
    words: Words
    fresh: bool
    offset: int | None
    workers: int
    program: str


def play(asked: Asked) -> None:
    """Set up what is missing in the folder, and serve until Ctrl-C or SIGTERM.

    Raises MailgateError: DataError for a folder that is not the demo's, Unavailable when a port is taken, Busy when
    another demo works on the folder.
    """
    folder, words = asked.folder, asked.words
    ports = prepare(folder, locale=words.language, offset=asked.offset, fresh=asked.fresh)
    require_free(ports)
    settings = load_settings(folder / FILE_NAME)
    workflow = read_company_of(settings).workflow
    mailbox = Mailbox(folder / MAILBOX, utc_now)

    def label(status: str) -> str:
        return workflow.label(status, words.language)

    story = Story(Console(), words, ports, mailbox, utc_now, label, folder, asked.program)
    watch = Watch(Database(settings.database_url), story.tell)

    def ready(_bound: dict[str, str]) -> None:
        story.banner()
        watch.start()

    with Stage(ports, mailbox, zone(folder), make_web(mailbox, words, ports)):
        try:
            run(settings, Options(frozenset(ROLES), asked.workers, ready))
        finally:
            watch.stop()
    story.bye()
