"""K3: files read again under load, with mistakes among them: one version for each mail, the last good one stays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from mailgate.app import BookShelf
from mailgate.errors import ConfigError
from tests.flows.story import Story
from tests.house import SUPPORT, plain_mail

_RELOADS = 100
_BROKEN = (
    "rules: [{name: x, when: ticket_opened, then: {tags: torto, set_status: nunca}}]\n",
    "rules: [{name: x, when: sempre, then: {tags: torto}}]\n",
    "rules:\n  - name: x\n   when: ticket_opened\n",
    'rules: [{name: x, when: ticket_opened, if: {body: {matches: "("}}, then: {tags: torto}}]\n',
    "rules: &a [*a]\n",
    "\x00\x07",
)


def _write(folder: Path, number: int) -> None:
    """Version `number`: each file of it says which it is, a tag by either rule and the hours until the due date."""
    two = "".join(
        f"- {{name: {when}, when: {when}, then: {{tags: {when[0]}{number}}}}}\n"
        for when in ("message_received", "ticket_opened")
    )
    _replace(folder / "rules.yaml", "rules:\n" + two)
    hours = (
        "{mon: 00:00-24:00, tue: 00:00-24:00, wed: 00:00-24:00, thu: 00:00-24:00, fri: 00:00-24:00, sat: 00:00-24:00}"
    )
    target = f"targets: [{{first_check: {number}h}}]"
    _replace(
        folder / "sla.yaml", f"calendar: {{timezone: UTC, hours: {hours}, holidays: {{country: null}}}}\n{target}\n"
    )


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def _shelf(story: Story) -> BookShelf:
    shelf = story.site.book.__self__  # type: ignore[attr-defined]
    assert isinstance(shelf, BookShelf)
    return shelf


@pytest.fixture
def versioned(make_story: Callable[..., Story], tmp_path: Path) -> Story:
    """A company whose files are version 1."""
    _write(tmp_path, 1)
    return make_story(limits={"mails_per_sender": "off", "tickets_per_sender": "off", "acks_total": "off"})


def test_read_again_a_hundred_times_under_load(versioned: Story, tmp_path: Path) -> None:
    shelf, ended = _shelf(versioned), Event()
    refused: list[str] = []

    def admin() -> None:
        for number in range(1, _RELOADS + 1):
            if number % 2:
                _write(tmp_path, 1 + number % 20)
                shelf.reload()
            else:
                _replace(tmp_path / "rules.yaml", _BROKEN[number // 2 % len(_BROKEN)])
                with contextlib.suppress(ConfigError):
                    shelf.reload()
                refused.append(shelf.error)
        ended.set()

    thread = Thread(target=admin)
    thread.start()
    number = 0
    while not ended.is_set() or number < 20:
        number += 1
        versioned.receive(plain_mail(("Ana", f"ana{number}@cliente.test"), SUPPORT, f"Nota {number}", "x"))
    thread.join()
    assert all("rules.yaml" in error for error in refused)
    assert len(refused) == _RELOADS // 2
    versions = set()
    for n in range(1, number + 1):
        ticket = versioned.ticket(f"SUP-{n}")
        (first, second) = ticket.tags
        assert (first[0], second[0], first[1:]) == ("m", "t", second[1:]), "the rules of one version"
        assert ticket.due_at == ticket.created_at + timedelta(hours=int(first[1:])), "and the targets read with them"
        versions.add(first)
    assert len(versions) > 1


def test_mistakes_leave_the_last_good_book_and_are_said_until_they_are_mended(versioned: Story, tmp_path: Path) -> None:
    shelf = _shelf(versioned)
    good = shelf.book()
    for broken in _BROKEN:
        _replace(tmp_path / "rules.yaml", broken)
        with pytest.raises(ConfigError):
            shelf.reload()
        assert shelf.book() is good
        assert "rules.yaml" in shelf.error
    versioned.receive(plain_mail(("Ana", "ana@cliente.test"), SUPPORT, "Nota", "x"))
    assert versioned.ticket("SUP-1").tags == ["m1", "t1"]
    _write(tmp_path, 2)
    shelf.reload()
    assert (shelf.error, shelf.book() is good) == ("", False)


def test_a_file_that_cannot_be_opened_is_a_mistake_too(versioned: Story, tmp_path: Path) -> None:
    shelf = _shelf(versioned)
    good = shelf.book()
    (tmp_path / "rules.yaml").unlink()
    (tmp_path / "rules.yaml").mkdir()
    with contextlib.suppress(ConfigError):
        shelf.reload()  # a folder of that name is no file: the preset's rules are read
    (tmp_path / "sla.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError):
        shelf.reload()
    assert shelf.error
    assert shelf.book() is not None
    assert good.rules.rules
