"""A topic's form as lines of a mail: what is asked for, and what an answer filled in. Pure, total, linear.

An answer is read tolerantly: `Versão: 12.1` in any order, with or without accents, quoted or not, a marked box, the
name of a choice in prose, a number after the word that the label begins with, one bare line where one thing was asked.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from mailgate.companyfiles import FormField, Topic
from mailgate.tickets import forms
from mailgate.yamltypes import text_in

#: The key under which a topic's required attachment is kept.
ATTACHMENT = "attachment"
BLANK = "___"
_MOST_LINES = 400
_MOST_FUZZY = 100  # lines whose label need not be exact: comparing costs
_LONGEST_LINE = 2000
_CLOSE = 0.82
_ENOUGH_TOLD = 60
_SHORT = 60
_YES_NO = {"pt-BR": ("sim", "não"), "en": ("yes", "no"), "es": ("sí", "no")}
_FILE = {"pt-BR": "(anexe a este e-mail)", "en": "(attach it to this e-mail)", "es": "(adjúntelo a este correo)"}
_FILE_LABEL = {"pt-BR": "Anexo", "en": "Attachment", "es": "Adjunto"}
_DECOR = re.compile(r"^[\s>*•·\-–—]*(?:\(?\d{1,2}[.)ºª]\s*)?[\s*_]*")
_BOX = re.compile(r"[(\[]\s*([xX✓✔*]?)\s*[)\]]\s*([^(\[]*)")
_TOKEN = re.compile(r"\b[\w.\-/]*\d[\w.\-/]*")
_BARE_VERSION = re.compile(r"v?\d+(?:\.\d+){1,5}")


def fields_of(topic: Topic) -> tuple[FormField, ...]:
    """The topic's fields, a required attachment among them."""
    if topic.attachment != "required" or any(one.kind == "file" for one in topic.fields):
        return topic.fields
    wanted = FormField(key=ATTACHMENT, label=dict(_FILE_LABEL), kind="file", required=True, help=topic.help)
    return (*topic.fields, wanted)


def missing(fields: Sequence[FormField], answers: Mapping[str, str]) -> tuple[FormField, ...]:
    """The required fields without an answer; a file's answer is its name."""
    return tuple(one for one in forms.asked(fields, answers) if one.required and not answers.get(one.key, "").strip())


def line(field: FormField, language: str) -> str:
    """The line to fill in: `Versão: ___`, `Banco: ( ) SQL  ( ) ORACLE`."""
    label = text_in(field.label, language, field.key).rstrip(" :")
    sep = "" if label.endswith("?") else ":"
    if field.kind == "file":
        return f"{label}: {_FILE.get(language, _FILE['en'])}"
    if field.kind in ("choice", "yes_no"):
        choices = field.choices or _YES_NO.get(language, _YES_NO["en"])
        return f"{label}{sep} " + "  ".join(f"( ) {one}" for one in choices)
    return f"{label}{sep} {BLANK}"


def filled_lines(quoted: str) -> tuple[str, ...]:
    """The lines of a quotation that may be form lines somebody filled in where they stood."""
    lines = (one.strip()[:500] for one in quoted[:50_000].split("\n")[:_MOST_LINES])
    return tuple(one for one in lines if (":" in one or "?" in one) and BLANK not in one and "://" not in one)[:60]


def read(
    fields: Sequence[FormField], text: str, today: date, *, quoted: Iterable[str] = (), answers: Mapping[str, str] = {},
) -> dict[str, str]:  # fmt: skip
    """What a mail's own text says of fields that have no answer yet: key → value as `forms.read` keeps it.

    quoted: of `filled_lines`; only whole lines count there. answers: those that are known. today: the local day.
    """
    open_ = [one for one in fields if one.kind != "file" and not answers.get(one.key)]
    lines = [one[:_LONGEST_LINE] for one in text[:100_000].split("\n")[:_MOST_LINES]]
    found: dict[str, str] = {}
    _take(found, _labelled(open_, lines), today)
    left = [one for one in open_ if one.key not in found]
    _take(found, _labelled(left, list(quoted)), today)
    left = [one for one in open_ if one.key not in found]
    _take(found, _in_prose(left, lines), today)
    now = forms.asked(fields, {**answers, **found})
    left = [one for one in open_ if one.key not in found and one.required and one in now]
    _take(found, _bare(left, lines), today)
    return found


def told(fields: Sequence[FormField], text: str) -> dict[str, str]:
    """What a mail that opens a ticket answers by being there: its text is what the first long field asks for."""
    said = text.strip()
    first = next((one for one in fields if one.kind == "long_text" and one.required), None)
    return {first.key: said[: forms.MOST_CHARACTERS]} if first is not None and len(said) >= _ENOUGH_TOLD else {}


def _take(found: dict[str, str], pairs: Iterable[tuple[FormField, str]], today: date) -> None:
    for field, words in pairs:
        got = forms.read(field, words, today)
        if not got.problem and field.key not in found:
            found[field.key] = got.value


def _labelled(fields: Sequence[FormField], lines: list[str]) -> list[tuple[FormField, str]]:
    """`Label: value` lines; a long text goes on until the next label."""
    labels = [(one, {_folded(label) for label in (*one.label.values(), one.key)}) for one in fields]
    found: list[tuple[FormField, str]] = []
    going_on: list[str] | None = None
    for number, raw in enumerate(lines):
        field, value = _label_of(raw, labels, fuzzy=number < _MOST_FUZZY)
        if field is not None:
            if going_on is not None:
                _close(found, going_on)
            value = _marked(value) if _BOX.search(value) else value.replace(BLANK, "").strip(" _")
            going_on = [value] if field.kind == "long_text" else None
            found.append((field, value))
        elif going_on is not None:
            going_on.append(raw)
    if going_on is not None:
        _close(found, going_on)
    return [(field, value) for field, value in found if value.strip()]


def _close(found: list[tuple[FormField, str]], words: list[str]) -> None:
    for index in range(len(found) - 1, -1, -1):
        if found[index][0].kind == "long_text":
            found[index] = (found[index][0], "\n".join(words).strip())
            return


def _label_of(raw: str, labels: list[tuple[FormField, set[str]]], fuzzy: bool) -> tuple[FormField | None, str]:
    """The field that a line begins with, and what stands behind; (None, "") for none. fuzzy: nearly will do."""
    bare = _DECOR.sub("", raw, count=1)
    cut = re.search(r"[:=?]", bare[:160])
    if cut is None:
        return None, ""
    said = _folded(bare[: cut.start()])
    field = next((one for one, known in labels if said in known), None) or (_closest(said, labels) if fuzzy else None)
    return field, bare[cut.end() :].lstrip(" :=?*_\t") if field is not None else ""


def _closest(said: str, labels: list[tuple[FormField, set[str]]]) -> FormField | None:
    """The field whose label is nearly what was written."""
    best, closeness = None, _CLOSE
    for field, known in labels:
        for label in known:
            if abs(len(label) - len(said)) * 4 > len(label):
                continue
            matcher = difflib.SequenceMatcher(None, label, said, autojunk=False)
            if matcher.quick_ratio() > closeness and matcher.ratio() > closeness:
                best, closeness = field, matcher.ratio()
    return best


def _marked(value: str) -> str:
    """The choice whose box is marked; "" for none, or for more than one."""
    marked = [name.strip() for mark, name in _BOX.findall(value) if mark]
    return marked[0] if len(marked) == 1 else ""


def _in_prose(fields: Sequence[FormField], lines: list[str]) -> list[tuple[FormField, str]]:
    """Choices that are named in a sentence, and numbers after the word that a label begins with."""
    own = [one for one in lines if not _BOX.search(one)]
    words = _folded(" \n ".join(own))
    found: list[tuple[FormField, str]] = []
    for field in fields:
        if field.kind == "choice":
            named = [c for c in field.choices if re.search(rf"(?<!\w){re.escape(_folded(c))}(?!\w)", words)]
            found += [(field, named[0])] if len(named) == 1 else []
        elif field.kind in ("text", "number") and field.required:
            found += [(field, value) for value in _after_word(field, own)][:1]
    return found


def _after_word(field: FormField, lines: list[str]) -> list[str]:
    """`a versão é 12.1.2310`: what has a digit, close behind the first word of a label."""
    found: list[str] = []
    heads = {label.split()[0] for label in map(_folded, field.label.values()) if label and len(label.split()[0]) >= 4}
    for one in lines:
        plain = _bared(one)
        for head in heads:
            at = plain.find(head)
            token = (
                _TOKEN.search(one, at + len(head), at + len(head) + 40) if at >= 0 and len(plain) == len(one) else None
            )
            if token is not None:
                found.append(token[0].strip(".-/"))
    return found


def _bare(fields: Sequence[FormField], lines: list[str]) -> list[tuple[FormField, str]]:
    """One short line where one thing is asked; a bare version where a version is among what is asked."""
    said = [one.strip() for one in lines if one.strip()]
    if not fields or not said or len(said) > 3:
        return []
    if len(fields) == 1 and len(said[0]) <= _SHORT and "?" not in said[0] and fields[0].kind != "long_text":
        plain = fields[0].kind != "text" or bool(_TOKEN.search(said[0])) or len(said) == 1
        return [(fields[0], said[0].rstrip("."))] if plain and len(said[0].split()) <= 4 else []
    versions = [f for f in fields if any(label.startswith("vers") for label in map(_folded, f.label.values()))]
    return [(versions[0], one) for one in said if versions and _BARE_VERSION.fullmatch(one)][:1]


def _bared(text: str) -> str:
    """Lower case without accents, one letter for one letter."""
    return "".join((unicodedata.normalize("NFD", c)[:1] or c).lower()[:1] or c for c in text)


def _folded(text: str) -> str:
    kept = "".join(c if c.isalnum() else " " for c in _bared(text))
    return " ".join(kept.split())
