"""`mailgate notice preview`: one notice as it would leave, in any language, with the company's own templates."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.common import ConfigOption, JsonOption, load, print_json, print_text, say
from mailgate.errors import DataError

if TYPE_CHECKING:
    from mailgate.notify.compose import Composer
    from mailgate.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Look at the mails that are sent.")


@app.command()
def preview(
    name: Annotated[str, typer.Argument(metavar="NOTICE", help="N1 to N20, AGENT_DIGEST, HELD_DIGEST, WEEKLY, ….")],
    lang: Annotated[str, typer.Option("--lang", help="pt-BR, en or es; default the company's language.")] = "",
    open_: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print a notice with example values, and write its page and text to a folder; nothing is sent.

    Example: mailgate notice preview N5 --lang es --open
    """
    from mailgate.i18n import best_language
    from mailgate.notify.sample import sample
    from mailgate.notify.views import CompanyView
    from mailgate.yamlfile import did_you_mean
    from store.vocabulary import Notice

    known = [str(one) for one in Notice]
    if name.upper() not in known:
        raise DataError(f"there is no notice {name}{did_you_mean(name.upper(), known)}; there are {', '.join(known)}")
    settings = load(config)
    composer, languages = _composer(settings)
    language = best_language(lang, languages, settings.locale) if lang else settings.locale
    company = settings.company
    looks = CompanyView(company.name, company.site, company.phone, company.hours)
    view = sample(Notice(name.upper()), language, looks, settings.timezone, settings.key.label)
    bodies, subject = composer.bodies(view), composer.subject(view)
    folder = Path(tempfile.mkdtemp(prefix="mailgate-notice-"))
    page, text = folder / f"{name.lower()}.html", folder / f"{name.lower()}.txt"
    page.write_text(bodies.html, encoding="utf-8")
    text.write_text(bodies.text, encoding="utf-8")
    if json:
        print_json(
            {"notice": name.upper(), "language": language, "subject": subject, "html": page, "text": bodies.text}
        )
    else:
        print_text(subject, style="bold")
        print_text("")
        print_text(bodies.text, fold=False)
        say(f"page: {page}")
    if open_ and not webbrowser.open(page.as_uri()):
        say("there is no browser here; open the page by hand")


def _composer(settings: Settings) -> tuple[Composer, tuple[str, ...]]:
    from mailgate.i18n import Translations
    from mailgate.notify.compose import Composer
    from mailgate.resources import data_folder

    templates, own = data_folder("templates"), settings.folder / "templates"
    translations = Translations.beside(templates, own)
    return Composer(templates, translations, own if own.is_dir() else None), translations.languages
