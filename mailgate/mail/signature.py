"""Where the signature begins below an author's text. Pure; each line is read a bounded number of times.

Marked signatures only: the separator `-- ` (RFC 3676 §4.3), a mailing list's footer, the line that an app adds
(`Enviado do meu iPhone`), a confidentiality notice, what the HTML calls a signature, and the closing formula of a
formal letter with a name below it. "Obrigado, Ana" is said to a person and stays, like everything in doubt.
"""

from __future__ import annotations

import re

from mailgate.mail import signwords as words

#: Lines that `htmltext.marked_text` puts around what the markup calls a signature.
SIGN_MARK = "\U000f0001sign\U000f0001"
SIGN_END = "\U000f0001sign-end\U000f0001"

_APP_TAIL = 4
_MOST_PARTS = 12
_MOST_SIGNED = 12
_LONGEST_SIGNED = 90
_NOTICE_MIN = 110
_TITLE = 70
_TITLES = re.compile(r"disclaimer|confiden|aviso legal|legal notice|haftungsausschluss|avertissement")
_DASHES = ("-", "_")
_NOTICE_OPENERS = "*_[<(\"'“ -–—|"
_OPENERS = "*_[<(| -–—\u200e\u200f"
_CONTACT = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.\w|https?://|www\.|\+?\(?\d[\d ().-]{6,20}\d")
_NAME = re.compile(r"[^\W\d_][^\d?!:;#<>=]{0,60}")
_LONGEST_OPENER = max(map(len, words.DISCLAIMER))
_DISCLAIMER_BEGINS = frozenset(phrase[:3] for phrase in words.DISCLAIMER)
#: Trackers of Gmail add-ons leave this letter, in white, below a text (Yesware, Streak, 2014 and later).
_TRACKER = "\u1427"


def signature_start(lines: list[str], *, anywhere: bool = False) -> int:
    """Index where the signature begins; the number of lines when there is none.

    lines: the author's text as it stands, without the quote below it.
    anywhere: also at the very top (what follows a quote may be nothing but a signature).
    """
    size = len(lines)
    first = 0 if anywhere else next((k + 1 for k, line in enumerate(lines) if line.strip()), size)
    cut = _separator(lines, anywhere)
    end = _trimmed(lines, cut)
    for _ in range(_MOST_PARTS):
        found = next((start for look in _LOOKS if (start := look(lines, end)) < end), end)
        if found == end or found < first:
            break
        cut = found
        end = _trimmed(lines, cut)
    if first < end and cut < size and lines[end - 1].strip().lower().rstrip(",.!:; ") in words.CLOSINGS:
        cut = end - 1  # `Atenciosamente,` above a signature that is marked otherwise
        end = _trimmed(lines, cut)
    tracked = any(line.strip() == _TRACKER for line in lines[end:cut])
    return end if tracked or cut < size else size


def _trimmed(lines: list[str], end: int) -> int:
    """The end without blank lines, trackers' letters and closing marks above it."""
    while end > 0 and lines[end - 1].strip() in ("", _TRACKER, SIGN_END):
        end -= 1
    return end


def _separator(lines: list[str], anywhere: bool) -> int:
    """The first `-- `, or the footer of a mailing list, below a text."""
    written = anywhere
    for i, line in enumerate(lines):
        if not written:
            written = bool(line.strip())
        elif line[:1] in _DASHES:
            bare = line.rstrip()
            if bare in ("--", "- --") or (bare[:2] == "__" and _list_footer(lines, i)):
                return i
    return len(lines)


def _list_footer(lines: list[str], i: int) -> bool:
    near = " ".join(lines[i + 1 : i + 4]).lower()
    return "mailing list" in near or "unsubscribe" in near or "listinfo" in near or "lista de discussão" in near


def _marked(lines: list[str], end: int) -> int:
    """What the HTML calls a signature, when nothing of the author's stands below it; over at most sixty lines."""
    for i in range(end - 1, max(-1, end - 60), -1):
        if lines[i] == SIGN_MARK:
            return i
        if lines[i] == SIGN_END:
            return end
    return end


def _app(lines: list[str], end: int) -> int:
    """The line of a phone or an app among the last ones, and those above it."""
    best, below = end, 0
    for i in range(end - 1, -1, -1):
        bare = lines[i].strip().lower().lstrip(_OPENERS).rstrip("_* ")
        if not bare:
            continue
        if _app_line(bare):
            best, below = i, 0
            continue
        below += 1
        if below > (_APP_TAIL if best == end else 1) or (best < end and len(bare.split()) > 3):
            break
    return best


def _app_line(line: str) -> bool:
    """`Enviado do meu iPhone` is one; `Sent from my desk, which is easier than the phone.` is not."""
    begins = line.startswith(words.SENT_FROM)
    if not begins and not (line.rstrip(" .)>").endswith(words.SENT_FROM_END) and len(line) < 90):
        return False
    first = line.partition(",")[0].partition(". ")[0]
    named = not words.DEVICES.isdisjoint(re.split(r"[\W_]+", first[:100]))
    if "http" in line:
        return True
    if not begins:
        return named or line.isascii() is False
    return len(line) < 160 and (named or (len(line) < 80 and not (line.endswith(".") and "," in line)))


def _closing(lines: list[str], end: int) -> int:
    """A closing formula with the name right below it, or (a rule will do) a block with addresses or numbers."""
    seen: list[str] = []
    gap = False
    for i in range(end - 1, max(-1, end - 3 * _MOST_SIGNED), -1):
        line = lines[i].strip()
        if line in (SIGN_MARK, SIGN_END) or line.startswith(("[cid:", "[image:", "[imagem:")):
            continue
        if not line:
            gap = True
            continue
        rule = len(line) > 1 and not line.strip("-_=*–—")
        if rule or line.lower().rstrip(",.!:; ") in words.CLOSINGS:
            named = bool(seen) and _NAME.fullmatch(seen[-1].strip("*_ ")) is not None and len(seen[-1].split()) <= 6
            contact = any(_CONTACT.search(other) for other in seen)
            return i if named and (contact or not (gap or rule)) else end
        if len(seen) >= _MOST_SIGNED or not _signed(line):
            break
        seen.append(line)
        gap = False
    return end


def _signed(line: str) -> bool:
    """Whether a line may stand below a closing: short, no command, no question, no sentence."""
    if len(line) > _LONGEST_SIGNED or line[0] in "#>" or line.endswith(("?", ":")):
        return False
    sentence = line[-1] in ".!" and len(line.split()) > 4 and not _CONTACT.search(line)
    return not sentence and not line.lower().startswith(("ps:", "p.s.", "ps.", "obs:", "obs.", "p.d.", "pd:"))


def _notice(lines: list[str], end: int) -> int:
    """Confidentiality notices and scanners' lines: whole paragraphs at the end, over at most forty lines."""
    begin, below, longer = end, end, False
    for i in range(end - 1, max(-1, end - 40), -1):
        if not lines[i].strip() or (i > 0 and lines[i - 1].strip() and not _opens_notice(lines[i])):
            continue
        paragraph = " ".join(line[:1000] for line in lines[i:below])
        if _opens_notice(lines[i]) and (_is_notice(paragraph) or (begin < end and len(paragraph) < _TITLE)):
            begin = i
        elif begin < end or len(paragraph) < _NOTICE_MIN or longer:
            break
        else:  # the second paragraph of a notice: look at the one above it
            longer = True
            continue
        below = i
    if 0 < begin < end and len(lines[begin - 1]) < _TITLE and _TITLES.search(lines[begin - 1].lower()):
        return begin - 1
    return begin


def _opens_notice(line: str) -> bool:
    begin = line.strip().lstrip(_NOTICE_OPENERS)[:_LONGEST_OPENER].lower()
    return begin[:3] in _DISCLAIMER_BEGINS and begin.startswith(words.DISCLAIMER)


def _is_notice(text: str) -> bool:
    low = text[:4000].lower()
    if any(word in low[:300] for word in words.SCANNER):
        return True
    return len(low) >= _NOTICE_MIN and any(w in low for w in words.SECRET) and any(w in low for w in words.ADDRESSED)


_LOOKS = (_marked, _notice, _app, _closing)
