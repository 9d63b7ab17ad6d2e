"""Whether each notice still says what it must: a template is rendered with values that are easy to find, and looked at.

A company may put its own templates beside `mailgate.yaml`; one that lost the key, the status, the agent, the due date
or the link leaves a customer with a mail that does not help, and nobody would notice. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from pathlib import Path

from mailgate.errors import Mistake
from mailgate.i18n import Translations
from mailgate.notify.compose import Composer
from mailgate.notify.sample import AGENT, CLOSES, DUE, KEY, LINK, PREVIOUS, SECRET, STATUS, SURVEY, TEXT, sample
from mailgate.notify.views import CompanyView
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
    Notice.N3: ("one-use link",),
    Notice.N16: ("one-use link",),
    Notice.N17: ("one-use link",),
    Notice.N18: ("one-use link",),
    Notice.CONFIRM: ("one-use link",),
}
_COMPANY = CompanyView("Empresa 3310", "https://mailgate.invalid", "(11) 5555-0142", "8h–18h")
_ZONE = "America/Sao_Paulo"
_EVERYWHERE = ("company", "phone")


def lint(composer: Composer, translations: Translations, folders: list[Path]) -> list[Mistake]:
    """What is missing, by template. folders: where templates are looked for, a company's own first."""
    found = [one for notice in Notice for one in _missing(composer, translations, notice, folders)]
    return found + _strangers(composer, translations, folders)


def _missing(composer: Composer, translations: Translations, notice: Notice, folders: list[Path]) -> list[Mistake]:
    language = translations.default
    view = sample(notice, language, _COMPANY, _ZONE, "ticket")
    if notice is Notice.N5:  # its last customer's word stays out of sight where none was written
        view = replace(view, waits_for_customer=False)
    try:
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


def _strangers(composer: Composer, translations: Translations, folders: list[Path]) -> list[Mistake]:
    """The acknowledgement to a sender nobody has verified: key, status, due date and link as well."""
    view = replace(sample(Notice.N1, translations.default, _COMPANY, _ZONE, "ticket"), verified=False)
    bodies = composer.bodies(view)
    due = translations.translator(translations.default, _ZONE).date(DUE)
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
