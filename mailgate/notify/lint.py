"""Whether each notice still says what it must: a template is rendered with values that are easy to find, and looked at.

A company may put its own templates beside `mailgate.yaml`; one that lost the key, the status, the agent, the due date
or the link leaves a customer with a mail that does not help, and nobody would notice. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path

from mailgate.errors import Mistake
from mailgate.i18n import Translations, placeholders
from mailgate.notify.compose import Composer
from mailgate.notify.sample import AGENT, CLOSES, DUE, KEY, LINK, PREVIOUS, SECRET, STATUS, SURVEY, TEXT, sample
from mailgate.notify.views import CompanyView
from mailgate.yamlfile import did_you_mean
from store.vocabulary import Notice

_OF_A_TICKET = ("key", "status", "agent", "due date", "link")
#: What each notice must say, in the text and in the page.
MUST: dict[Notice, tuple[str, ...]] = {
    Notice.N1: _OF_A_TICKET,
    Notice.N2: _OF_A_TICKET,
    Notice.N4: _OF_A_TICKET,
    Notice.N5: (*_OF_A_TICKET, "comment"),
    Notice.N6: _OF_A_TICKET,
    Notice.N7: (*_OF_A_TICKET, "comment", "closing date"),
    Notice.N8: (*_OF_A_TICKET, "comment"),
    Notice.N9: (*_OF_A_TICKET, "closing date"),
    Notice.N10: (*_OF_A_TICKET, "comment", "closing date"),
    Notice.N11: _OF_A_TICKET,
    Notice.N12: (*_OF_A_TICKET, "survey link"),
    Notice.N13: (*_OF_A_TICKET, "said"),
    Notice.N14: _OF_A_TICKET,
    Notice.N15: _OF_A_TICKET,
    Notice.N19: (*_OF_A_TICKET, "said"),
    Notice.AGENT_DIGEST: _OF_A_TICKET,
    Notice.TICKET_DIGEST: (*_OF_A_TICKET, "comment", "said"),
    Notice.N3: ("one-use link",),
    Notice.N16: ("one-use link",),
    Notice.N17: ("one-use link",),
    Notice.N18: ("one-use link",),
    Notice.CONFIRM: ("one-use link",),
    Notice.LOGIN: ("one-use link",),
}
_COMPANY = CompanyView("Empresa 3310", "https://mailgate.invalid", "(11) 5555-0142", "8h–18h")
_ZONE = "America/Sao_Paulo"
_EVERYWHERE = ("company", "phone")
#: Placeholders that every text of a mail may name (`compose._speaker`).
_ALWAYS = frozenset({"key", "label", "Label", "status", "agent", "company"})


def lint(
    composer: Composer, translations: Translations, folders: list[Path], shipped: Translations | None = None
) -> list[Mistake]:
    """What is missing, by template, in every language.

    folders: where templates are looked for, a company's own first and ours last. shipped: our own words, to look at the
    company's beside them.
    """
    found: dict[Mistake, list[str]] = {}
    for language in translations.languages:
        for notice in Notice:
            for mistake in _missing(composer, translations, language, notice, folders):
                found.setdefault(mistake, []).append(language)
        for mistake in _strangers(composer, translations, language, folders):
            found.setdefault(mistake, []).append(language)
    every = len(translations.languages)
    said = [
        one if len(where) == every else replace(one, reason=f"{one.reason} (in {', '.join(where)})")
        for one, where in found.items()
    ]
    said += _unused(folders)
    return said + (_words(translations, shipped, folders[0].parent / "translations") if shipped else [])


def _missing(
    composer: Composer, translations: Translations, language: str, notice: Notice, folders: list[Path]
) -> list[Mistake]:
    view = sample(notice, language, _COMPANY, _ZONE, "ticket")
    if notice is Notice.N5:  # its last customer's word stays out of sight where none was written
        view = replace(view, waits_for_customer=False)
    try:
        composer.subject(view)
        bodies = composer.bodies(view, strict=True)
    except Exception as error:  # whatever a template does wrong is for its author to read
        where = _file(f"{notice.lower()}.html", folders)
        return [Mistake(str(where), 1, 1, f"{notice} cannot be made: {type(error).__name__}: {error}"[:300])]
    speaker = translations.translator(language, _ZONE)
    values = {
        "key": KEY, "status": STATUS, "agent": AGENT, "due date": speaker.date(DUE), "link": LINK, "comment": TEXT,
        "said": PREVIOUS, "closing date": speaker.date(CLOSES), "one-use link": SECRET, "survey link": SURVEY,
        "company": _COMPANY.name, "phone": _COMPANY.phone,
    }  # fmt: skip
    mistakes = []
    for face, shown in ((".txt", bodies.text), (".html", unescape(bodies.html))):
        flat = "".join(shown.split())
        wanted = (*MUST.get(notice, ()), *_EVERYWHERE)
        lost = [name for name in wanted if "".join(values[name].split()) not in flat]
        if lost:
            where = _file(f"{notice.lower()}{face}", folders)
            mistakes.append(Mistake(str(where), 1, 1, f"{notice} must say: {', '.join(lost)}"))
    return mistakes


def _strangers(composer: Composer, translations: Translations, language: str, folders: list[Path]) -> list[Mistake]:
    """The acknowledgement to a sender nobody has verified: key, status, due date and link as well."""
    view = replace(sample(Notice.N1, language, _COMPANY, _ZONE, "ticket"), verified=False)
    try:
        bodies = composer.bodies(view, strict=True)
    except Exception as error:  # as above
        where = _file("n1_unverified.html", folders)
        reason = f"N1 to an unverified sender cannot be made: {type(error).__name__}: {error}"
        return [Mistake(str(where), 1, 1, reason[:300])]
    due = translations.translator(language, _ZONE).date(DUE)
    mistakes = []
    for face, shown in ((".txt", bodies.text), (".html", unescape(bodies.html))):
        flat = "".join(shown.split())
        wanted = (("key", KEY), ("status", STATUS), ("due date", due), ("link", LINK))
        lost = [name for name, value in wanted if "".join(value.split()) not in flat]
        if lost:
            where = _file(f"n1_unverified{face}", folders)
            mistakes.append(Mistake(str(where), 1, 1, f"N1 to an unverified sender must say: {', '.join(lost)}"))
    return mistakes


def _file(name: str, folders: list[Path]) -> Path:
    """Where the template is read from."""
    return next((folder / name for folder in folders if (folder / name).is_file()), Path(name))


def _unused(folders: list[Path]) -> list[Mistake]:
    """A company's templates that no notice is made of; one that begins with _ may be a part of another."""
    *own, ours = folders
    known = sorted(path.name for path in ours.glob("*.*"))
    return [
        Mistake(str(path), 1, 1, f"nothing uses a template of that name{did_you_mean(path.name, known)}", warning=True)
        for folder in own
        for path in sorted(folder.glob("*"))
        if path.name not in known and not path.name.startswith(("_", "."))
    ]


def _words(translations: Translations, shipped: Translations, folder: Path) -> list[Mistake]:
    """A company's words beside ours: a key nothing uses, a placeholder that has no value and would break the mail."""
    found = []
    for language in translations.languages:
        ours = shipped.by_language.get(language, shipped.by_language[shipped.default])
        path = folder / f"{language}.yaml"
        for key, text in translations.by_language[language].items():
            if text == ours.get(key):
                continue
            if key not in ours and not key.startswith("mail.label."):
                reason, warning = f"nothing uses the words `{key}`{did_you_mean(key, ours)}", True
            elif strange := sorted(placeholders(text) - placeholders(ours.get(key, "")) - _usual(key)):
                reason, warning = (
                    f"`{key}` has no {{{strange[0]}}}{did_you_mean(strange[0], _filled(ours, key))}",
                    False,
                )
            else:
                continue
            found.append(Mistake(str(path), _line(path, key), 1, reason, warning=warning))
    return found


def _filled(ours: Mapping[str, str], key: str) -> list[str]:
    return sorted(placeholders(ours.get(key, "")) | _usual(key))


def _usual(key: str) -> frozenset[str]:
    return _ALWAYS if key.startswith("mail.") else frozenset()


def _line(path: Path, key: str) -> int:
    """The line that begins with the key; 0 where the text is another file's."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    return next((n for n, line in enumerate(lines, 1) if line.strip("'\"").startswith(key)), 0)
