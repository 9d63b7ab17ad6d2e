"""A list as a file for spreadsheets, written while it is read, so that ten thousand lines need little memory.

UTF-8 with a byte order mark, since Excel reads it as Windows-1252 without one. A cell that a spreadsheet would take for
a formula gets an apostrophe before it. Source: RFC 4180 §2 (quotes, CRLF).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mailgate.i18n import Translator
from mailgate.portal import columns
from mailgate.portal.desk import Desk
from mailgate.portal.filters import Wish
from mailgate.portal.listviews import Board
from mailgate.portal.visitor import Visitor

MOST_ROWS = 10_000
_PIECE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Source:
    """Whose list it is, and which."""

    desk: Desk
    visitor: Visitor
    translator: Translator
    wish: Wish


def pieces(source: Source, heads: Sequence[str], cut: str, separator: str) -> Iterator[bytes]:
    """The file in pieces. heads: of `columns.COLUMNS`. cut: said in a last line where there would have been more.

    Each piece is a transaction of its own: a reader who is slow holds up nobody.
    """
    yield b"\xef\xbb\xbf" + line(heads, separator)
    written, wish = 0, replace(source.wish, after="", before="")
    while True:
        with source.desk.site.writer.database.read() as connection:
            board = Board(source.desk, connection, source.visitor, source.translator, wish)
            lines, wish = board.piece(_PIECE)
        room = MOST_ROWS - written
        cells = [[one.cells[name] for name in columns.COLUMNS] for one in lines[:room]]
        yield b"".join(line(one, separator) for one in cells)
        written += len(cells)
        if len(lines) > room or (written >= MOST_ROWS and wish.after):
            yield line([cut], separator)
            return
        if not wish.after:
            return


def line(cells: Sequence[str], separator: str) -> bytes:
    """One line of a table."""
    return (separator.join(quoted(cell) for cell in cells) + "\r\n").encode("utf-8", "replace")


def quoted(cell: str) -> str:
    """A cell that is text and nothing else."""
    text = " ".join(cell.replace("\0", "").splitlines()) if "\n" in cell or "\r" in cell else cell.replace("\0", "")
    guarded = f"'{text}" if cell.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA[:4]) else text
    return '"' + guarded.replace('"', '""') + '"'
