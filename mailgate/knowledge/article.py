"""One file of the knowledge base: what stands above the line (YAML) and the article below it. Pure.

    ---
    title: Como abrir um ticket por e-mail
    section: Primeiros passos
    ---
    Escreva para ...

The title may also be the first heading. Mistakes are named with file, line and column of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mailgate import yamlfile
from mailgate.errors import ConfigError, Mistake
from mailgate.knowledge.words import fold
from mailgate.yamltypes import LANGUAGES, Language, Section, Words

Visibility = Literal["public", "customers", "agents"]
MOST_TITLE = 200
_FENCE = re.compile(r"---[ \t]*")
_HEADING = re.compile(r"#[ \t]+(.+?)[ \t]*#*[ \t]*")
_SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
#: Addresses below `/knowledge/` that are no article's.
_TAKEN = frozenset({"suggest", "files", "search"})


def _own_address(slug: str) -> str:
    if slug in _TAKEN:
        raise ValueError(f"{slug!r} is the address of another page; choose another")
    return slug


class FrontMatter(Section):
    """What may stand above an article; every key has a default. order: the smaller, the further up in the menu.

    updated: the day to show; absent, it is that of the file. keywords: other words that people search by.
    """

    title: Annotated[str, Field(max_length=MOST_TITLE)] = ""
    slug: Annotated[str, Field(pattern=_SLUG, max_length=80), AfterValidator(_own_address)] | None = None
    language: Language | None = None
    section: Annotated[str, Field(max_length=80)] = ""
    order: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    labels: Words = ()
    keywords: Words = ()
    visibility: Visibility = "public"
    comments: Literal["open", "closed"] = "open"
    updated: date | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """One file, read. path: relative to the folder, with `/`. body: the Markdown below; first_line: where it begins.

    language, section, slug: as written, else what the path says.
    """

    path: str
    title: str
    slug: str
    language: str
    section: str
    front: FrontMatter
    body: str
    first_line: int


def read(text: str, path: str, file: str, locale: str) -> tuple[Article | None, list[Mistake]]:
    """Read one file. path: relative to the folder. file: its name in mistakes. locale: language of what says none.

    Returns the article, or None with every mistake.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    end = _end_of_front(lines)
    if end is None:
        return None, [Mistake(file, 1, 1, "the first `---` has no second one: close the lines above the article")]
    front, mistakes = _front("\n".join(["", *lines[1:end]]) if end else "", file)
    if front is None:
        return None, mistakes
    first = end + 1 if end else 0
    title, body_at = front.title.strip(), first
    heading = next((n for n in range(first, len(lines)) if lines[n].strip()), None)
    match = _HEADING.fullmatch(lines[heading]) if heading is not None else None
    if match is not None and heading is not None and (not title or fold(match[1]) == fold(title)):
        title, body_at = title or match[1][:MOST_TITLE], heading + 1
    if not title:
        return None, [Mistake(file, 1, 1, "no title: write `title: ...` above the article, or begin with `# Title`")]
    stem, language = _stem_and_language(path)
    slug = front.slug or slug_of(stem)
    if not slug or slug in _TAKEN:
        return None, [Mistake(file, 1, 1, f"`{path}` gives no address of its own; write `slug: ...` above the article")]
    return Article(
        path=path,
        title=" ".join(title.split()),
        slug=slug,
        language=front.language or language or locale,
        section=" ".join(front.section.split()) or _section_of(path),
        front=front,
        body="\n".join(lines[body_at:]),
        first_line=body_at + 1,
    ), []


def slug_of(name: str) -> str:
    """A name as it stands in an address: `Como abrir um ticket?` is `como-abrir-um-ticket`."""
    return re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:80].rstrip("-")


def minutes_to_read(text: str) -> int:
    """Minutes for a text at 200 words a minute, at least 1."""
    return max(1, -(-len(text.split()) // 200))


def _end_of_front(lines: list[str]) -> int | None:
    """The line of the second `---`; 0 where the file begins with the article, None where there is no second."""
    if not _FENCE.fullmatch(lines[0]):
        return 0
    return next((n for n, line in enumerate(lines[1:500], start=1) if _FENCE.fullmatch(line)), None)


def _front(text: str, file: str) -> tuple[FrontMatter | None, list[Mistake]]:
    try:
        document = yamlfile.parse(text, file, max_nodes=2_000)
    except ConfigError as error:
        return None, error.mistakes
    return yamlfile.validate(document, FrontMatter)


def _stem_and_language(path: str) -> tuple[str, str | None]:
    """`senha.en.md` is `senha-en`, in English: translations stand beside each other."""
    stem = PurePosixPath(path).name.removesuffix(".md")
    head, dot, tail = stem.rpartition(".")
    language = next((one for one in LANGUAGES if dot and one.lower() == tail.lower()), None)
    return (f"{head}-{tail}" if language else stem), language


def _section_of(path: str) -> str:
    """The name of the folder it lies in, as people write it."""
    parent = PurePosixPath(path).parent.name
    words = " ".join(re.split(r"[-_\s]+", parent)).strip()
    return words[:1].upper() + words[1:80]
