"""How a notice reads: a view and a head become the bytes of one mail, text and HTML.

Promises: pure after construction (no clock, no network, no database) and safe to use from several threads; the same
view and head give the same words; what a customer wrote is only ever a value in a template, never a template. Words
come from `templates/translations`, looks from `templates/mail`; a company's own folder wins file by file (or
block by block: its `n5.html` may extend `shipped/n5.html`), and when one of its templates breaks, ours is used, because
a mail that looks plain is better than a mail that never leaves.
To a sender nobody has verified the acknowledgement carries nothing out of the mail, whatever the template asks for.
Sources: RFC 5322 §3.6, RFC 3834 §5, RFC 2369 §3.2, RFC 8058 §3.1, RFC 2557 §5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    DictLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from mailgate import log
from mailgate.errors import ConfigError, Mistake
from mailgate.i18n import Translations, Translator
from mailgate.mail.build import OutFile, build
from mailgate.notify import lines
from mailgate.notify.explained import lines_of
from mailgate.notify.extras import Button, buttons, deadlines, mean, span, view_action
from mailgate.notify.pictures import Placed, place
from mailgate.notify.views import (
    ArticleView,
    CommentView,
    CompanyView,
    FiguresView,
    FileView,
    Head,
    NewsView,
    NoticeView,
    RowView,
    StepView,
)
from store.vocabulary import Notice

_PREFIXES = re.compile(r"^(?:\s*(?:re|res|rv|enc|fw|fwd|aw|wg)\s*(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_][\w'’.-]{0,38}")

_FACES = (".html", ".txt")

#: The pill of a status, by category: paper and ink, 7:1 or better.
_PILLS = {
    "new": ("#dbeafe", "#1e3a8a"),
    "open": ("#dbeafe", "#1e3a8a"),
    "waiting": ("#fef3c7", "#713f12"),
    "hold": ("#ede9fe", "#4c1d95"),
    "solved": ("#dcfce7", "#14532d"),
    "closed": ("#e5e7eb", "#1f2937"),
}


@dataclass(frozen=True, slots=True)
class Pill:
    """The colours of a status."""

    back: str
    ink: str


@dataclass(frozen=True, slots=True)
class Said:
    """A comment as the templates show it: html with its pictures in place, and the other files."""

    author_name: str
    author_address: str
    created_at: datetime
    text: str
    html: str | None
    verified: bool
    note: bool
    listed: tuple[FileView, ...]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Both faces of a mail and what travels with it. related: pictures the HTML shows; attached: files."""

    text: str
    html: str
    related: tuple[FileView, ...]
    attached: tuple[FileView, ...]


#: What a template may look into without further questions: frozen, values only.
_VIEWS = frozenset(
    {NoticeView, NewsView, CompanyView, FileView, Pill, Said, StepView, RowView, FiguresView, ArticleView, Button}
)


class Composer:
    """Renders notices. templates_folder holds `mail/`; override_folder, a company's own, may hold `mail/` too.
    own: the company's templates in hand, by name, in place of that folder.

    Templates are compiled here, once; a new Composer reads them again. Raises ConfigError naming every template of
    ours or of the company that does not compile.
    """

    def __init__(
        self,
        templates_folder: Path,
        translations: Translations,
        override_folder: Path | None = None,
        own: Mapping[str, str] | None = None,
    ) -> None:
        self._translations = translations
        shipped = templates_folder / "mail"
        folders = [override_folder / "mail", shipped] if override_folder else [shipped]
        self._shipped = _environment([shipped])
        self._environment = _environment(folders, own or {}) if override_folder or own else self._shipped
        self._log = log.get("compose")
        _compile_all(folders, own or {}, self._environment)

    def render(self, view: NoticeView, head: Head) -> bytes:
        """The complete mail, CRLF, ready for DKIM and the relay.

        The same view and head give the same bytes. Raises LookupError for a timezone that does not exist and
        ValueError for an address or id that cannot stand in a header; a retry helps with neither.
        """
        automatic = bool(head.auto_submitted)
        if _is_to_stranger(view):
            head = replace(head, to_name="", subject=self.subject(view))
        bodies = self.bodies(view, automatic)
        head = _with_fields(head, self._translations.best(view.language))
        return build(head, bodies.text, bodies.html, _files(bodies))

    def subject(self, view: NoticeView) -> str:
        """The subject of a notice: the customer's words and the key, stable through the thread.

        Stacked `Re:` and the key itself are taken off first; to an unverified sender nothing of the mail is left.
        """
        translator = self._translations.translator(view.language, view.timezone)
        own = f"mail.subject.{_subject_of(view)}"
        if translator.has(own):
            return translator.t(own, key=view.key)
        words = lines.one_line(view.subject)
        if view.key:
            words = re.sub(r"\[\s*" + re.escape(view.key) + r"\s*\]", " ", words, flags=re.IGNORECASE)
        words = _PREFIXES.sub("", " ".join(words.split())).strip()
        words = lines.cut(words, 180) or translator.t("mail.subject.none")
        return translator.t("mail.subject.thread", subject=words, key=view.key)

    def message(self, view: NoticeView) -> str:
        """A notice as a short message for a telephone: what happened, the key, the status, the link; no more."""
        say = _speaker(view, self._translations.translator(view.language, view.timezone))
        if view.code:
            return f"{view.company.name}: {say('channel.code', code=view.code)}"
        told = say(f"channel.{_template_of(view)}", key=view.key)
        return "\n".join((f"{view.company.name}: {told}", say("channel.status", status=view.status), view.link))

    def bodies(self, view: NoticeView, automatic: bool = True, *, strict: bool = False) -> Bodies:
        """Text and HTML of a notice with their files. automatic: whether the footer says that no person wrote it.

        strict: raises what a broken template of the company raises, instead of using ours.
        """
        if _is_to_stranger(view):
            view = _only_ours(view)
        translator = self._translations.translator(view.language, view.timezone)
        say = _speaker(view, translator)
        placed = _placed(view.comment, lambda name: say("mail.image", name=name))
        context = _context(view, translator, say, placed, automatic)
        name = _template_of(view)
        return Bodies(
            text=lines.tidy(self._fill(f"{name}.txt", context, strict)),
            html=self._fill(f"{name}.html", context, strict),
            related=placed.related,
            attached=placed.attached + deadlines(view),
        )

    def _fill(self, name: str, context: dict[str, Any], strict: bool) -> str:
        try:
            return self._environment.get_template(name).render(context)
        except Exception as error:
            if strict or self._environment is self._shipped:
                raise
            self._log.warning("template_broken", template=name, error=str(error)[:200])
            return self._shipped.get_template(name).render(context)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, told that our own frozen views hold nothing but values, and which functions are ours.

    Most of its checks were for them, and they took as long as the rendering.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) in _VIEWS and not attribute.startswith("_"):
            try:
                return getattr(obj, attribute)
            except AttributeError:
                pass  # an undefined name, said in Jinja2's words
        return super().getattr(obj, attribute)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        if type(function) is _Ours:
            kwargs.pop("_loop_vars", None)  # what Jinja2 itself adds inside loops and blocks
            kwargs.pop("_block_vars", None)
            return function.call(*args, **kwargs)
        return super().call(context, function, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class _Ours:
    """A function of ours that templates may call: words, dates, sizes. Not to be called through Jinja2's checks."""

    call: Callable[..., str]

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        return self.call(*args, **kwargs)


def read_templates(folder: Path) -> dict[str, str]:
    """The templates of a company's own folder, by name; none where there is no such folder. Raises OSError."""
    found = {path.name: path for path in sorted(folder.glob("*.*")) if path.suffix in _FACES}
    return {name: path.read_text(encoding="utf-8") for name, path in found.items()}


def _environment(folders: list[Path], own: Mapping[str, str] = {}) -> ImmutableSandboxedEnvironment:
    environment = _Sandbox(
        loader=ChoiceLoader(
            [
                DictLoader(own),
                *(FileSystemLoader(folder) for folder in folders),
                PrefixLoader({"shipped": FileSystemLoader(folders[-1])}),
            ]
        ),
        autoescape=lambda name: bool(name) and str(name).endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters.update(
        said=_said_html,
        lines=lines.as_html,
        plain=lines.plain,
        quote=lines.quote,
        shorten=lines.shorten,
        pad=lambda text, width: f"{text:<{width}}",
    )
    return environment


def _compile_all(folders: list[Path], own: Mapping[str, str], environment: ImmutableSandboxedEnvironment) -> None:
    """Compile every template now, so that a mistake is known at start and the first mail is as fast as the next."""
    mistakes = []
    there = {path.name for folder in folders for path in folder.glob("*.*") if path.suffix in _FACES}
    for name in sorted(there | own.keys()):
        try:
            environment.get_template(name)
        except TemplateSyntaxError as error:
            where = error.filename or name
            mistakes.append(Mistake(where, error.lineno, 1, f"template: {error.message}"))
        except (TemplateError, UnicodeDecodeError) as error:
            mistakes.append(Mistake(name, 0, 0, f"template: {error}"))
    for notice in Notice:
        for face in _FACES:
            if not any((folder / f"{notice.lower()}{face}").is_file() for folder in folders):
                mistakes.append(Mistake(f"{notice.lower()}{face}", 0, 0, "template: missing"))
    if mistakes:
        raise ConfigError(mistakes)


def _is_to_stranger(view: NoticeView) -> bool:
    """Whether this acknowledges what nobody has verified, or is a link to it: a stranger chose to whom it goes."""
    return view.notice in (Notice.N1, Notice.N4) and not view.verified


def _template_of(view: NoticeView) -> str:
    return "n1_unverified" if view.notice == Notice.N1 and _is_to_stranger(view) else view.notice.lower()


def _subject_of(view: NoticeView) -> str:
    if view.notice == Notice.DELIVERY_FAILED and view.reason == "late":
        return "delivery_late"
    if view.notice == Notice.N4 and _is_to_stranger(view):
        return "n4_unverified"
    return "command_help" if _asks_help(view) else _template_of(view)


def _asks_help(view: NoticeView) -> bool:
    return view.notice == Notice.COMMAND_ERROR and view.reason == "help"


def _only_ours(view: NoticeView) -> NoticeView:
    """The view without one word that came in the mail or from its header."""
    return replace(
        view,
        subject="",
        recipient_name="",
        comment=None,
        previous=None,
        earlier=(),
        participants=(),
        problem=view.problem if view.notice == Notice.N1 else "",  # lines of our own form
        refused=tuple((why, "") for why, _ in view.refused),
        organisation="",
        requester_name="",
        requester_address="",
    )


def _placed(comment: CommentView | None, placeholder: Callable[[str], str]) -> Placed:
    if comment is None:
        return Placed(None, (), (), ())
    return place(comment.html, comment.files, placeholder)


def _speaker(view: NoticeView, translator: Translator) -> Callable[..., str]:
    """`t` of the templates: a text by key, with what every notice may name already filled in."""
    own_label = f"mail.label.{view.key_label}"
    label = translator.t(own_label) if translator.has(own_label) else view.key_label
    usual = {
        "key": view.key,
        "label": label,
        "Label": label[:1].upper() + label[1:],
        "status": view.status,
        "agent": view.agent,
        "company": view.company.name,
    }

    def t(key: str, /, **values: object) -> str:
        return translator.texts[key].format_map({**usual, **values})

    return t


def _context(
    view: NoticeView, translator: Translator, say: Callable[..., str], placed: Placed, automatic: bool
) -> dict[str, Any]:
    """All that a template sees, besides the filters."""
    comment = view.comment
    return {
        "t": _Ours(say),
        "when": _Ours(cache(translator.date_time)),  # the same instant is shown several times
        "size": _Ours(translator.size),
        "view": view,
        "company": view.company,
        "language": translator.language,
        "automatic": automatic,
        "full": view.recipient_role == "agent",
        "hello": _hello(view, say),
        "next": _next(view, translator, say),
        "n5_title": _n5_title(view),
        "refused": tuple(dict.fromkeys((name, say(f"mail.refused.{why}")) for why, name in view.refused)),
        "must_zip": any(why == "zip" for why, _ in view.refused),
        "event": view.event or ("commented" if view.previous else "opened"),
        "author": (comment.author_name or comment.author_address) if comment else view.agent or view.company.name,
        "pill": Pill(*_PILLS.get(view.category, _PILLS["open"])),
        "comment": _said(comment, placed) if comment else None,
        "actions": buttons(view, say),
        "view_action": view_action(view, say),
        "day": translator.date,
        "span": lambda seconds: span(seconds, translator.locale),
        "mean": lambda value: mean(value, translator.locale),
        "count": len(view.rows),
        "overdue": sum(one.overdue for one in view.rows),
        "has_due": any(one.due_at for one in view.rows),
        "explanation": [[line.text for line in lines_of(one, translator)] for one in view.explained],
    }


def _said(comment: CommentView, placed: Placed) -> Said:
    return Said(
        author_name=comment.author_name,
        author_address=comment.author_address,
        created_at=comment.created_at,
        text=comment.text,
        html=placed.html,
        verified=comment.verified,
        note=comment.note,
        listed=placed.listed,
    )


def _said_html(comment: Said) -> Markup:
    """The words of a comment inside an HTML mail: its own sanitised HTML, or its text with lines kept."""
    if comment.html:
        return Markup(comment.html)  # noqa: S704 - sanitised when it was read, see CommentView
    return lines.as_html(comment.text)


def _hello(view: NoticeView, say: Callable[..., str]) -> str:
    """A greeting by first name, where what stands there is plainly a name."""
    first = next(iter(lines.one_line(view.recipient_name).split()), "")
    return say("mail.hello", name=first) if _NAME.fullmatch(first) else say("mail.hello_nobody")


def _n5_title(view: NoticeView) -> str:
    if view.waits_for_customer:
        return "mail.n5.title_waiting"
    if view.category in ("solved", "closed"):
        return f"mail.n5.title_{view.category}"
    return "mail.n5.title"


def _next(view: NoticeView, translator: Translator, say: Callable[..., str]) -> str:
    """What is expected of the customer now, in one or two sentences."""
    if view.reads_only:
        return say("mail.next.follows")
    if view.category == "closed":
        return say("mail.next.closed")
    state = "waiting" if view.waits_for_customer else "solved" if view.category == "solved" else "reply"
    first = say(f"mail.next.{state}")
    if state == "reply" or view.closes_at is None or view.steps:  # the steps say it, with their days
        return first
    return f"{first} {say(f'mail.next.{state}_closes', date=translator.date_time(view.closes_at))}"


def _with_fields(head: Head, language: str) -> Head:
    """The head with the fields that follow from it: its language, and on automatic mail the one Exchange heeds."""
    fields = [("Content-Language", language)]
    if head.auto_submitted:
        fields.append(("X-Auto-Response-Suppress", "All"))
    return replace(head, extra=(*fields, *head.extra))


def _files(bodies: Bodies) -> list[OutFile]:
    shown = [OutFile(f.filename, f.content_type, f.content or b"", f.content_id, inline=True) for f in bodies.related]
    return shown + [OutFile(f.filename, f.content_type, f.content or b"") for f in bodies.attached]
