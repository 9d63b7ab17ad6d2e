"""A company's own template that lost what a notice must say is refused, with its file and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailgate.i18n import Translations
from mailgate.notify.compose import Composer
from mailgate.notify.lint import MUST, lint
from mailgate.notify.sample import sample
from mailgate.notify.views import CompanyView
from mailgate.resources import data_folder
from store.vocabulary import Notice

TEMPLATES = data_folder("templates")
WORDS = Translations.load(TEMPLATES / "translations")


def said_of(own: Path) -> list[str]:
    """What the linter says of the templates in `own/mail`."""
    composer = Composer(TEMPLATES, WORDS, own)
    return [f"{Path(m.file).name}: {m.reason}" for m in lint(composer, WORDS, [own / "mail", TEMPLATES / "mail"])]


def put(own: Path, name: str, text: str) -> None:
    (own / "mail").mkdir(exist_ok=True)
    (own / "mail" / name).write_text(text, encoding="utf-8")


def test_what_ships_says_all_that_it_must(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    assert said_of(tmp_path) == []


def test_a_template_that_lost_the_due_date_and_the_link(tmp_path: Path) -> None:
    put(
        tmp_path,
        "n5.txt",
        "{{ view.key }} {{ view.status }} {{ view.agent }} {{ comment.text }} {{ company.name }} {{ company.phone }}",
    )
    assert said_of(tmp_path) == ["n5.txt: N5 must say: due date, link"]


@pytest.mark.parametrize(
    ("part", "missing"),
    [("view.status", "status"), ("view.agent or t('mail.agent.nobody')", "agent")],
)
def test_a_part_that_all_share_is_missed_in_all(tmp_path: Path, part: str, missing: str) -> None:
    ours = (TEMPLATES / "mail" / "_facts.txt").read_text(encoding="utf-8")
    put(tmp_path, "_facts.txt", ours.replace(part, "''"))
    found = [line for line in said_of(tmp_path) if missing in line.split(": ")[-1].split(", ")]
    assert any(line.startswith(("n9.txt", "n4.txt")) for line in found)


def test_a_template_that_breaks_is_said_and_not_sent(tmp_path: Path) -> None:
    put(tmp_path, "n4.txt", "{{ view.nothing.there }}")
    assert any(": N4 cannot be made: UndefinedError" in line for line in said_of(tmp_path))


def test_one_block_of_ours_may_be_replaced(tmp_path: Path) -> None:
    put(tmp_path, "n6.txt", '{% extends "shipped/n6.txt" %}{% block marker %}Oi da Exemplo!\n{% endblock %}')
    assert said_of(tmp_path) == []
    view = sample(Notice.N6, "pt-BR", CompanyView("Exemplo"), "America/Sao_Paulo", "ticket")
    assert Composer(TEMPLATES, WORDS, tmp_path).bodies(view).text.startswith("Oi da Exemplo!")


def test_every_notice_about_a_ticket_has_its_duties() -> None:
    free = {Notice.N20, Notice.COMMAND_ERROR, Notice.COMMAND_DONE, Notice.DELIVERY_FAILED, Notice.ACK_DIGEST}
    free |= {Notice.FILES, Notice.HELD_DIGEST, Notice.WEEKLY}
    assert set(Notice) - free <= set(MUST)
