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
    """What the linter says of the templates in `own/mail` and the words in `own/translations`."""
    words = Translations.beside(TEMPLATES, own)
    composer = Composer(TEMPLATES, words, own)
    found = lint(composer, words, [own / "mail", TEMPLATES / "mail"], WORDS)
    return [f"{Path(m.file).name}: {m.reason}" for m in found]


def say(own: Path, language: str, text: str) -> None:
    (own / "translations").mkdir(exist_ok=True)
    (own / "translations" / f"{language}.yaml").write_text(text, encoding="utf-8")


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


def test_what_is_lost_in_one_language_only(tmp_path: Path) -> None:
    put(tmp_path, "n6.txt", "{% extends 'shipped/n6.txt' %}{% block footer %}{% if language != 'es' %}"
        "{{ super() }}{% endif %}{% endblock %}")  # fmt: skip
    assert said_of(tmp_path) == ["n6.txt: N6 must say: company, phone (in es)"]


def test_words_of_the_company_in_every_language(tmp_path: Path) -> None:
    """A placeholder without a value would break the mail; a key that nothing uses is a slip of the pen."""
    say(tmp_path, "en", 'mail.hello: "Dear {nmae},"\nmail.helo: "Dear {name},"\n')
    said = said_of(tmp_path)
    assert "en.yaml: `mail.hello` has no {nmae}; did you mean `name`?" in said
    assert "en.yaml: nothing uses the words `mail.helo`; did you mean `mail.hello`?" in said
    assert any("N5 cannot be made: KeyError: 'nmae' (in en)" in line for line in said)


def test_a_template_that_no_notice_is_made_of(tmp_path: Path) -> None:
    put(tmp_path, "n5.es.html", "Hola")
    put(tmp_path, "_ours.html", "a part of others")
    assert said_of(tmp_path) == ["n5.es.html: nothing uses a template of that name; did you mean `n5.html`?"]


def test_every_notice_about_a_ticket_has_its_duties() -> None:
    free = {Notice.N20, Notice.COMMAND_ERROR, Notice.COMMAND_DONE, Notice.DELIVERY_FAILED, Notice.ACK_DIGEST}
    free |= {Notice.FILES, Notice.HELD_DIGEST, Notice.WEEKLY, Notice.ACCOUNT, Notice.AUDIT, Notice.ALARM}
    assert set(Notice) - free <= set(MUST)
