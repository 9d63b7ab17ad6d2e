"""The folder of articles on disk: which files there are, and each of them read and rendered. Bounded.

Only `*.md` are articles; what begins with `.` or `_` is left alone, and `README.md`, which is for the people who write.
Images and files that articles name must lie inside the folder too: a link that leads out of it is as good as none.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path, PurePosixPath
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from mailgate.errors import Mistake
from mailgate.knowledge import article
from mailgate.knowledge.article import Article
from mailgate.knowledge.markdown import Around, Picture, render
from mailgate.knowledge.pictures import size_of
from mailgate.mail.attachments import media_type

MOST_FILES = 5_000
MOST_BYTES = 256 * 1024
MOST_FILE_BYTES = 10 * 1024 * 1024
_MOST_ENTRIES = 50_000
#: Grows with each change of what an article becomes, so that all are made anew.
_RENDERING = 1
#: Whatever an article may name: `](path`, `](<path with blanks>`, `[name]: path`.
_NAMED = re.compile(r"\](?:\(|:)[ \t]{0,9}<?([^\s<>()]{1,300})")
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
#: What may be downloaded besides images.
_FILES = {
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".txt": "text/plain",
    ".csv": "text/csv",
}

#: Where a file is, how large, when it changed (ns): what tells whether anything has to be read again.
Listing = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that an article names. content: its bytes."""

    sha256: str
    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """An article as it goes into the database. source: the whole file. digest: of it and of the files it names."""

    article: Article
    source: str
    html: str
    text: str
    digest: str
    updated_at: datetime
    files: tuple[NamedFile, ...]
    doubts: tuple[Mistake, ...]


@dataclass(slots=True)
class Found:
    """What a folder holds: articles in order of path, what keeps files from being read, and what is only doubtful.

    broken: paths of files that are there but cannot be an article as they are. slugs: the addresses, by path.
    """

    articles: list[Article] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    slugs: dict[str, str] = field(default_factory=dict)


def listing(root: Path) -> Listing:
    """Every file below the folder with its size and time, without reading any; {} where there is no folder."""
    found: dict[str, tuple[int, int]] = {}
    for path in _files(root):
        try:
            known = path.stat()
        except OSError:
            continue
        found[path.relative_to(root).as_posix()] = (known.st_size, known.st_mtime_ns)
    return found


def read_folder(root: Path, locale: str) -> Found:
    """Read every article's front and body. locale: the language of an article that names none."""
    found = Found()
    taken: dict[str, str] = {}
    paths = [path for path in _files(root) if path.suffix.lower() == ".md" and path.name.lower() != "readme.md"]
    if len(paths) > MOST_FILES:
        found.mistakes.append(Mistake(str(root), 0, 0, f"more than {MOST_FILES} articles; the rest is not read"))
    for path in paths[:MOST_FILES]:
        name = path.relative_to(root).as_posix()
        text, mistake = _read_text(path)
        one, mistakes = article.read(text, name, str(path), locale) if mistake is None else (None, [mistake])
        if one is not None and taken.setdefault(one.slug, name) != name:
            other = f"`{taken[one.slug]}` has the address `{one.slug}` already; write another `slug: ...` here"
            one, mistakes = None, [Mistake(str(path), 1, 1, other)]
        found.mistakes += mistakes
        if one is None:
            found.broken.add(name)
        else:
            found.articles.append(one)
            found.slugs[name] = one.slug
            found.sources[name] = text
    return found


def signature(found: Found, files: Listing, one: Article) -> str:
    """What an article's page depends on: its text and what it names, without rendering it. files: `listing`."""
    slugs = found.slugs
    told = hashlib.sha256(f"{_RENDERING}\0{one.language}\0{one.section}\0{one.slug}\0".encode())
    source = found.sources[one.path]
    told.update(source.encode())
    for match in _NAMED.finditer(source):
        target = _target(one, unquote(match[1].partition("#")[0])) or ""
        told.update(f"{target}\0{slugs.get(target)}\0{files.get(target)}\0".encode())
    return told.hexdigest()


def make_ready(root: Path, found: Found, one: Article, zone: ZoneInfo) -> Ready:
    """Render an article of `read_folder`. zone: the company's, whose midnight `updated:` means.

    Raises OSError when a file went away meanwhile.
    """
    slugs = found.slugs
    used: dict[str, NamedFile] = {}
    doubts: list[Mistake] = []
    file = str(root / one.path)
    around = Around(
        link=lambda href: _link(root, one, href, slugs, used),
        picture=lambda href: _picture(root, one, href, used),
    )
    shown = render(one.body, around)
    doubts += [Mistake(file, one.first_line - 1 + line, column, why, True) for line, column, why in shown.doubts]
    source = found.sources[one.path]
    digest = hashlib.sha256(source.encode())
    digest.update("".join(sorted(used)).encode())
    if one.front.updated is not None:
        updated_at = datetime.combine(one.front.updated, time(), zone).astimezone(UTC)
    else:
        updated_at = datetime.fromtimestamp(int((root / one.path).stat().st_mtime), UTC)
    return Ready(
        one, source, shown.html, shown.text, digest.hexdigest(), updated_at, tuple(used.values()), tuple(doubts)
    )


def _files(root: Path) -> Iterator[Path]:
    """Every plain file below the folder, in order of path; hidden ones and links to folders are left out."""
    seen = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        for name in sorted(names):
            seen += 1
            if seen > _MOST_ENTRIES:
                return
            path = Path(folder) / name
            if name[0] in "._" or (path.is_symlink() and not _inside(root, path)):
                continue
            yield path  # `walk` enters no folder by a link


def _inside(root: Path, path: Path) -> bool:
    """Whether it is a file that really lies in the folder, wherever links lead."""
    try:
        real = path.resolve(strict=True)
        return real.is_file() and real.is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # NUL in a name; links that go round
        return False


def _read_text(path: Path) -> tuple[str, Mistake | None]:
    try:
        with path.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except OSError as error:
        return "", Mistake(str(path), 0, 0, f"cannot be read: {(error.strerror or '').lower()}")
    if len(raw) > MOST_BYTES:
        return "", Mistake(str(path), 0, 0, f"is larger than {MOST_BYTES} bytes; make two articles of it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        return "", Mistake(str(path), line, column, "is not UTF-8; save the file as UTF-8")
    at = text.find("\0")
    if at >= 0:
        return "", Mistake(str(path), text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), "a NUL character")
    return text, None


def _target(one: Article, href: str) -> str | None:
    """What an address in an article means, as a path relative to the folder; None for one that leads out of it."""
    parts: list[str] = list(PurePosixPath(one.path).parent.parts)
    for part in PurePosixPath(href).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _link(root: Path, one: Article, href: str, slugs: Mapping[str, str], used: dict[str, NamedFile]) -> str | None:
    target = _target(one, href)
    if target is None or target in slugs:
        return slugs.get(target or "")
    kind = _FILES.get(PurePosixPath(target).suffix.lower())
    if kind is None:
        return _address_of(_load(root, target, used, lambda content: media_type("", content), _PICTURES))
    return _address_of(_load(root, target, used, lambda content: kind, frozenset({kind})))


def _picture(root: Path, one: Article, href: str, used: dict[str, NamedFile]) -> Picture | None:
    target = _target(one, href)
    found = _load(root, target, used, lambda content: media_type("", content), _PICTURES) if target else None
    return Picture(f"files/{found.sha256}", size_of(found.content)) if found is not None else None


def _address_of(found: NamedFile | None) -> str | None:
    return f"files/{found.sha256}" if found is not None else None


def _load(
    root: Path, target: str, used: dict[str, NamedFile], kind_of: Callable[[bytes], str], kinds: frozenset[str]
) -> NamedFile | None:
    """A file that an article names, if it lies in the folder and is of one of these kinds."""
    path = root / target
    if not _inside(root, path):
        return None
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_FILE_BYTES + 1)
    except OSError:
        return None
    kind = kind_of(content)
    if len(content) > MOST_FILE_BYTES or kind not in kinds:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    return used.setdefault(sha256, NamedFile(sha256, PurePosixPath(target).name, kind, content))
