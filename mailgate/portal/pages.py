"""Pages out of templates: words in the visitor's language, styles from our own origin, everything escaped.

Templates are compiled at start; a company's own folder wins file by file. What people wrote is only ever a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import BytecodeCache, ChoiceLoader, FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailgate.flows.site import Site
from mailgate.i18n import Translations, Translator
from mailgate.mail.attachments import media_type

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Static:
    """A file of ours under `/static/`, named by its content so that it can be kept for ever."""

    url: str
    content: bytes
    content_type: str


class Pages:
    """Renders the portal's pages for one company.

    templates_folder holds `portal/`; override_folder, a company's own, may hold `portal/` too. logo: an image file of
    the company's. compiled: where templates stand that were compiled before. Raises jinja2.TemplateError for a
    template that does not compile.
    """

    def __init__(
        self,
        site: Site,
        translations: Translations,
        templates_folder: Path,
        override_folder: Path | None = None,
        logo: Path | None = None,
        compiled: BytecodeCache | None = None,
    ) -> None:
        folders = [folder / "portal" for folder in (override_folder, templates_folder) if folder is not None]
        self._site = site
        self._translations = translations
        self.root = urlsplit(site.base_url).path.rstrip("/")
        self.static = _static(folders, self.root)
        self.logo = _logo(logo, self.root) if logo is not None else None
        if self.logo is not None:
            self.static["logo"] = self.logo
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
            bytecode_cache=compiled,
        )
        for name in self._environment.list_templates(extensions=["html"]):
            self._environment.get_template(name)

    def render(self, template: str, translator: Translator, **context: Any) -> str:
        """One page as HTML."""
        return self._environment.get_template(template).render(
            t=self.speaker(translator),
            when=translator.date_time,
            day=translator.date,
            size=translator.size,
            language=translator.language,
            company=self._site.company,
            logo=self.logo.url if self.logo is not None else "",
            root=self.root,
            static={name: one.url for name, one in self.static.items()},
            example_key=self._site.key(123),
            **context,
        )

    def speaker(self, translator: Translator) -> Callable[..., str]:
        """`t` of the templates: a text by key, with the words for a ticket and the company filled in."""
        own = f"page.label.{self._site.key_label}"
        label = translator.t(own) if translator.has(own) else self._site.key_label
        usual = {"label": label, "Label": label[:1].upper() + label[1:], "company": self._site.company.name}

        def t(key: str, /, **values: object) -> str:
            return translator.texts[key].format_map({**usual, **values})

        return t


def _logo(path: Path, root: str) -> Static:
    content = path.read_bytes()
    kind = "image/svg+xml" if path.suffix.lower() == ".svg" else media_type("", content)
    return _named("logo" + path.suffix.lower(), content, kind, root)


def _static(folders: list[Path], root: str) -> dict[str, Static]:
    """Every file of `static/`; the first folder wins."""
    found: dict[str, Static] = {}
    for folder in folders:
        for path in sorted((folder / "static").glob("*.*")):
            if path.suffix in _TYPES and path.name not in found:
                found[path.name] = _named(path.name, path.read_bytes(), _TYPES[path.suffix], root)
    return found


def _named(name: str, content: bytes, content_type: str, root: str) -> Static:
    stem, dot, suffix = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Static(f"{root}/static/{stem}-{digest}{dot}{suffix}", content, content_type)
