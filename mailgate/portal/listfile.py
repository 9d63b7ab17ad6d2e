"""A list as a file for spreadsheets, written while it is read, so that ten thousand lines need little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mailgate.i18n import Translator
from mailgate.portal import columns
from mailgate.portal.desk import Desk
from mailgate.portal.filters import Wish
from mailgate.portal.listviews import Board
from mailgate.portal.sheet import MARK, line, separator
from mailgate.portal.visitor import Visitor

MOST_ROWS = 10_000
_PIECE = 500


@dataclass(frozen=True, slots=True)
class Source:
    """Whose list it is, and which."""

    desk: Desk
    visitor: Visitor
    translator: Translator
    wish: Wish


def pieces(source: Source, heads: Sequence[str], cut: str) -> Iterator[bytes]:
    """The file in pieces. heads: of `columns.COLUMNS`. cut: said in a last line where there would have been more.

    Each piece is a transaction of its own: a reader who is slow holds up nobody.
    """
    between = separator(source.translator.language)
    yield MARK + line(heads, between)
    written, wish = 0, replace(source.wish, after="", before="")
    while True:
        with source.desk.site.writer.database.read() as connection:
            board = Board(source.desk, connection, source.visitor, source.translator, wish)
            lines, wish = board.piece(_PIECE)
        room = MOST_ROWS - written
        cells = [[one.cells[name] for name in columns.COLUMNS] for one in lines[:room]]
        yield b"".join(line(one, between) for one in cells)
        written += len(cells)
        if len(lines) > room or (written >= MOST_ROWS and wish.after):
            yield line([cut], between)
            return
        if not wish.after:
            return
