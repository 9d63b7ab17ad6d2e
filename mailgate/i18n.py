"""What people read, in their language: texts, dates and times.

Texts are flat YAML files, one per language: `templates/translations/pt-BR.yaml` maps a dotted key to a text with
`{placeholders}`. Keys begin with the part that speaks: `format.`, `mail.`, `page.`, `command.`. A `Translations` is
loaded once, never changes and is passed to whom needs it; a `Translator` is one person's view of it. Languages are
BCP 47 (RFC 5646). Pure after loading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from string import Formatter

from babel import Locale
from babel.dates import format_datetime, get_timezone, get_timezone_name
from babel.numbers import format_decimal
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mailgate.errors import ConfigError, Mistake

DEFAULT_LANGUAGE = "pt-BR"

_ABBREVIATION = re.compile(r"[A-Z]{2,5}")


def best_language(wanted: str | Iterable[str], available: Iterable[str], default: str = DEFAULT_LANGUAGE) -> str:
    """The available language that serves best: exact, then shorter, then a sister of the same primary language.

    wanted: one tag or several in order of preference, in any case, `_` allowed. Returns a member of `available`,
    or `default` when nothing fits. Source: RFC 4647 §3.4 (lookup), widened to sisters (`pt-PT` is served `pt-BR`).
    """
    tags = list(available)
    by_folded = {tag.lower(): tag for tag in tags}
    for one in [wanted] if isinstance(wanted, str) else wanted:
        subtags = one.strip().lower().replace("_", "-").split("-")
        for length in range(len(subtags), 0, -1):
            found = by_folded.get("-".join(subtags[:length]))
            if found:
                return found
        sister = next((tag for tag in tags if subtags[0] and tag.lower().split("-")[0] == subtags[0]), None)
        if sister:
            return sister
    return default


@dataclass(frozen=True, slots=True)
class Translator:
    """One person's language and clock: texts by key, instants as that person reads them."""

    language: str
    texts: Mapping[str, str]
    locale: Locale
    zone: tzinfo

    def t(self, key: str, /, **values: object) -> str:
        """The text of `key` with its placeholders filled. Raises KeyError for an unknown key or a missing value."""
        return self.texts[key].format_map(values)

    def has(self, key: str) -> bool:
        """Whether there is a text of that key."""
        return key in self.texts

    def date_time(self, at: datetime) -> str:
        """An aware instant as day and time with its zone: `seg., 23 de nov. de 2026, 18:00 (BRT)`."""
        local = at.astimezone(self.zone)
        shown = format_datetime(local, self.texts["format.datetime"], tzinfo=self.zone, locale=self.locale)
        return f"{shown} ({self._zone_name(local)})"

    def date(self, at: datetime) -> str:
        """The day of an aware instant in the person's zone: `seg., 23 de nov. de 2026`."""
        return format_datetime(at, self.texts["format.date"], tzinfo=self.zone, locale=self.locale)

    def time(self, at: datetime) -> str:
        """The time of day of an aware instant in the person's zone: `18:00`."""
        return format_datetime(at, self.texts["format.time"], tzinfo=self.zone, locale=self.locale)

    def short(self, at: datetime) -> str:
        """An aware instant in few letters, for tables: `23/11/2026 18:00`."""
        return at.astimezone(self.zone).strftime(self.texts["format.short"])

    def size(self, size_bytes: int) -> str:
        """A size as people read it: `12 KB`, `1,4 MB` (decimal sign of the language)."""
        if size_bytes < 1_000_000:
            return f"{format_decimal(max(1, round(size_bytes / 1000)), locale=self.locale)} KB"
        return f"{format_decimal(round(size_bytes / 1_000_000, 1), locale=self.locale)} MB"

    def _zone_name(self, local: datetime) -> str:
        """`BRT` where the language has a short name that people there use, else `GMT-3`."""
        name = get_timezone_name(local, "short", locale=self.locale)
        if _ABBREVIATION.fullmatch(name):
            return name
        offset = local.utcoffset()
        minutes = int(offset.total_seconds() // 60) if offset else 0
        hours, rest = divmod(abs(minutes), 60)
        sign = "-" if minutes < 0 else "+"
        return "GMT" if not minutes else f"GMT{sign}{hours}" + (f":{rest:02d}" if rest else "")


@dataclass(frozen=True, slots=True)
class Translations:
    """All languages, read-only. Make it with `load` and pass it on."""

    by_language: Mapping[str, Mapping[str, str]]
    default: str = DEFAULT_LANGUAGE
    _translators: dict[tuple[str, str], Translator] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, *folders: Path, default: str = DEFAULT_LANGUAGE) -> Translations:
        """Read every `<language>.yaml` of the folders; later folders (a company's own words) win key by key.

        Raises ConfigError naming every file and line that is not a flat map of texts with plain placeholders.
        """
        merged: dict[str, dict[str, str]] = {}
        mistakes: list[Mistake] = []
        for folder in folders:
            for path in sorted(folder.glob("*.yaml")):
                merged.setdefault(path.stem, {}).update(_read(path, mistakes))
        if not mistakes and default not in merged:
            mistakes.append(Mistake(str(folders[0]) if folders else "translations", 0, 0, f"{default}.yaml is missing"))
        if mistakes:
            raise ConfigError(mistakes)
        base = merged[default]
        return cls({tag: {**base, **texts} for tag, texts in merged.items()}, default)

    @classmethod
    def beside(cls, templates: Path, own: Path | None = None) -> Translations:
        """The words in `templates`, and over them those in a company's own folder of templates, if it has any."""
        more = own / "translations" if own is not None else None
        return cls.load(templates / "translations", *([more] if more is not None and more.is_dir() else []))

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language there is, the default first."""
        return (self.default, *sorted(tag for tag in self.by_language if tag != self.default))

    def best(self, wanted: str | Iterable[str]) -> str:
        """The language of ours that serves `wanted` best."""
        return best_language(wanted, self.languages, self.default)

    def every(self, key: str) -> tuple[str, ...]:
        """The text of `key` in each language, as written: what to look for in a mail that quotes us."""
        return tuple(dict.fromkeys(self.by_language[tag][key] for tag in self.languages))

    def translator(self, language: str, timezone: str = "America/Sao_Paulo") -> Translator:
        """The translator for a person who wants `language` (any tag) and lives by the clock of `timezone`.

        Raises LookupError for a timezone that does not exist.
        """
        tag = self.best(language)
        found = self._translators.get((tag, timezone))
        if found is None:
            locale = Locale.parse(tag, sep="-")
            found = Translator(tag, self.by_language[tag], locale, get_timezone(timezone))
            self._translators[tag, timezone] = found
        return found


def placeholders(text: str) -> frozenset[str]:
    """The names in braces of a text. Raises ValueError on anything but `{name}`."""
    names = set()
    for _, name, spec, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"write a placeholder as {{name}}, not {{{name}{':' + spec if spec else ''}}}")
        names.add(name)
    return frozenset(names)


_PLAIN = re.compile(r'([a-z][A-Za-z0-9_.-]*): ("(?:[^"\\\x00-\x1f\x7f-\x9f]|\\["\\n])*")')


def _plain(written: str) -> dict[str, str] | None:
    """The texts of a file of nothing but comments and lines `key: "text"`; None for every other.

    Such lines mean the same in JSON as in YAML, and thousands of them are read in a hundredth of the time: every
    command and every start of the gateway waits for it.
    """
    texts: dict[str, str] = {}
    for line in written.split("\n"):
        if not line or line.startswith("#"):
            continue
        found = _PLAIN.fullmatch(line)
        if found is None or found[1] in texts:
            return None
        texts[found[1]] = json.loads(found[2])
        try:
            placeholders(texts[found[1]])
        except ValueError:
            return None  # the other reading says where
    return texts


def _read(path: Path, mistakes: list[Mistake]) -> dict[str, str]:
    """One language's own texts; what is wrong goes to `mistakes`."""
    try:
        written = path.read_text(encoding="utf-8")
        plain = _plain(written)
        if plain is not None:
            return plain
        content = YAML(typ="rt").load(written)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        mistakes.append(Mistake(str(path), line, column, f"not YAML: {error.problem}"))
        return {}
    except (YAMLError, UnicodeDecodeError) as error:
        mistakes.append(Mistake(str(path), 0, 0, f"not YAML: {error}"))
        return {}
    if not isinstance(content, CommentedMap):
        mistakes.append(Mistake(str(path), 1, 1, "a translation is a map of `key: text`"))
        return {}
    texts = {}
    for key, text in content.items():
        line, column = (n + 1 for n in content.lc.key(key))
        if not isinstance(text, str):
            mistakes.append(Mistake(str(path), line, column, f"{key}: the text must be a string; put it in quotes"))
            continue
        try:
            placeholders(text)
        except ValueError as error:
            mistakes.append(Mistake(str(path), line, column, f"{key}: {error}"))
            continue
        texts[str(key)] = str(text)
    return texts
