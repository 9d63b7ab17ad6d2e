"""All languages say the same things: same keys, same placeholders, nothing missing and nothing left over."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mailgate.errors import ConfigError
from mailgate.i18n import Translations, _plain, best_language, placeholders
from mailgate.resources import data_folder

TEMPLATES = data_folder("templates")
FOLDER = TEMPLATES / "translations"
LANGUAGES = ("pt-BR", "en", "es")
#: Given to every text of a mail, used or not.
USUAL = {"key", "label", "Label", "status", "agent", "company"}


def texts(language: str) -> dict[str, str]:
    return dict(YAML(typ="safe").load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8")))


def test_the_languages_we_ship() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(LANGUAGES)
    assert Translations.load(FOLDER).languages == ("pt-BR", "en", "es")


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_keys_in_the_same_order(language: str) -> None:
    assert list(texts(language)) == list(texts("pt-BR"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_same_placeholders(language: str) -> None:
    ours, base = texts(language), texts("pt-BR")
    assert not [
        key
        for key in base
        if key in ours and placeholders(ours[key]) - USUAL != placeholders(base[key]) - USUAL
        if not key.startswith("format.")
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_clean(language: str) -> None:
    for key, text in texts(language).items():
        assert text.strip() == text, key
        assert text, key
        assert "  " not in text, key
        assert "\n" not in text, key
        assert not re.search(r"\.\.\.|<[a-z]", text), f"{key}: no three dots, no markup"


def test_every_key_a_mail_asks_for_exists_and_every_mail_text_is_asked_for() -> None:
    known = {key for key in texts("pt-BR") if key.startswith("mail.")}
    sources = [*(TEMPLATES / "mail").glob("*.*"), *(Path(__file__).parents[1] / "mailgate" / "notify").glob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    asked = set(re.findall(r"""["'](mail\.[a-z0-9_.]*[a-z0-9])["']""", code))
    assert asked <= known
    built = re.findall(r"""["'](mail\.[a-z0-9_.]*[_.])(?:\{|["'])""", code)
    assert not [key for key in known - asked if not key.startswith(tuple(built))]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("pt-BR", "pt-BR"),
        ("PT_br", "pt-BR"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("es-419", "es"),
        ("en-US-x-own", "en"),
        ("de", "pt-BR"),
        ("", "pt-BR"),
        (["de", "es-AR", "en"], "es"),
    ],
)
def test_best_language(wanted: str | list[str], expected: str) -> None:
    assert best_language(wanted, LANGUAGES) == expected


def test_instants_as_each_person_reads_them() -> None:
    at = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
    all_of_them = Translations.load(FOLDER)
    assert all_of_them.translator("pt-BR").date_time(at) == "seg., 23 de nov. de 2026, 18:00 (BRT)"
    assert all_of_them.translator("en").date_time(at) == "Mon, 23 Nov 2026, 18:00 (GMT-3)"
    assert all_of_them.translator("es", "Europe/Madrid").date_time(at) == "lun, 23 de nov de 2026, 22:00 (CET)"
    assert all_of_them.translator("en", "Asia/Kathmandu").date_time(at) == "Tue, 24 Nov 2026, 02:45 (GMT+5:45)"
    assert all_of_them.translator("pt-BR").time(at) == "18:00"
    assert all_of_them.translator("pt-BR").date(at) == "seg., 23 de nov. de 2026"
    assert all_of_them.translator("pt-BR").size(1_430_000) == "1,4 MB"


def test_a_company_says_it_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "pt-BR.yaml").write_text('mail.n1.title: "Chegou!"\n', encoding="utf-8")
    own = Translations.load(FOLDER, tmp_path).translator("pt-BR")
    assert own.t("mail.n1.title") == "Chegou!"
    assert own.t("mail.n4.title") == "Aqui está o seu link"


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "pt-BR.yaml").write_text("a: 1\nb: '{x!r}'\nc: '{x'\nd: fine {x}\n", encoding="utf-8")
    (tmp_path / "en.yaml").write_text("a: [\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Translations.load(tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.rpartition("/")[2].split(": ")[0] for line in lines] == [
        "en.yaml:2:1:".rstrip(":"), "pt-BR.yaml:1:1", "pt-BR.yaml:2:1", "pt-BR.yaml:3:1",
    ]  # fmt: skip


def test_the_marker_in_each_language() -> None:
    assert Translations.load(FOLDER).every("mail.marker") == (
        "--- Responda acima desta linha ---",
        "--- Reply above this line ---",
        "--- Responda por encima de esta línea ---",
    )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_quick_reading_is_yaml(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    quick = _plain(written)
    assert quick is not None, "write every text as one line in double quotes"
    assert quick == dict(YAML(typ="safe").load(written))


@pytest.mark.parametrize(
    "line", ["a: b", 'a: "b" # c', 'a: "b"\na: "c"', 'a: "\\x41"', ' a: "b"', 'a: "{0}"', 'a:\n  b: "c"']
)
def test_whatever_else_yaml_has_is_read_as_yaml(line: str) -> None:
    assert _plain(line) is None
