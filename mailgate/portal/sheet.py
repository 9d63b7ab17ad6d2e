"""Tables for spreadsheets: cells that are text and nothing else. Pure and total.

UTF-8 with a byte order mark, since Excel reads it as Windows-1252 without one. A cell that a spreadsheet would take for
a formula gets an apostrophe before it. Source: RFC 4180 §2 (quotes, CRLF).
"""

from __future__ import annotations

from collections.abc import Sequence

MARK = b"\xef\xbb\xbf"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def separator(language: str) -> str:
    """What stands between cells: a semicolon where the reader's spreadsheet parts decimals with a comma."""
    return "," if language.startswith("en") else ";"


def line(cells: Sequence[str], between: str) -> bytes:
    """One line of a table."""
    return (between.join(quoted(cell) for cell in cells) + "\r\n").encode("utf-8", "replace")


def quoted(cell: str) -> str:
    """A cell that is text and nothing else."""
    text = " ".join(cell.replace("\0", "").splitlines()) if "\n" in cell or "\r" in cell else cell.replace("\0", "")
    guarded = f"'{text}" if cell.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA[:4]) else text
    return '"' + guarded.replace('"', '""') + '"'
