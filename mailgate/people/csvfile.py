"""A table of people as offices write it: comma or semicolon, UTF-8 or Windows-1252, headings in three languages. Pure.

Source: RFC 4180 §2 (the form), with the semicolon that spreadsheets write where the comma parts decimals.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass

MOST_ROWS = 100_000
_LONGEST_CELL = 4096

_HEADINGS = {
    "address": "address, email, e-mail, endereco, direccion, correo, correo electronico",
    "name": "name, nome, nombre",
    "organisation": "organisation, organization, company, empresa, organizacao, organizacion, cliente",
    "branch": "branch, filial, loja, sucursal, tienda",
    "role": "role, papel, perfil, rol",
    "language": "language, idioma",
    "more_addresses": "more addresses, other addresses, outros enderecos, outros e-mails, otras direcciones",
    "may": "may, permissions, permissoes, permisos",
    "active": "active, ativo, activo",
    "network": "network, rede, red, grupo, group",
    "cnpj": "cnpj",
    "domains": "domains, domain, dominios, dominio",
    "tier": "tier, plano, plan, nivel",
    "place": "place, local, cidade, lugar, ciudad, city",
}
_KNOWN = {word.strip(): key for key, words in _HEADINGS.items() for word in words.split(",")}


class BadTable(ValueError):
    """The file as a whole cannot be read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row. line: its number in the file, the heading being 1. values: by column, those that the file has."""

    line: int
    values: dict[str, str]


def records(content: bytes, columns: tuple[str, ...]) -> list[Record]:
    """The rows of a file whose columns are among `columns`. Empty rows are passed over. Raises BadTable."""
    text = _text(content)
    first = text.split("\n", 1)[0]
    delimiter = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        heading = [_known(cell, columns) for cell in next(reader, [])]
        doubled = {key for key in heading if heading.count(key) > 1}
        if not heading or doubled:
            raise BadTable(f"the first line names {sorted(doubled)[0]} twice" if doubled else "the file is empty")
        found: list[Record] = []
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(heading):
                raise BadTable(f"line {reader.line_num} has {len(row)} cells and the first line {len(heading)}")
            if len(found) >= MOST_ROWS:
                raise BadTable(f"more than {MOST_ROWS} rows; cut the file")
            cells = (" ".join(cell.split())[:_LONGEST_CELL] for cell in row)
            found.append(Record(reader.line_num, dict(zip(heading, cells, strict=True))))
    except csv.Error as error:
        raise BadTable(f"line {reader.line_num}: {error}") from error
    return found


def _known(cell: str, columns: tuple[str, ...]) -> str:
    bare = unicodedata.normalize("NFKD", cell.strip().strip("\ufeff").casefold().replace("_", " "))
    key = _KNOWN.get(" ".join("".join(c for c in bare if not unicodedata.combining(c)).split()))
    if key is None or key not in columns:
        raise BadTable(f"there is no column {cell.strip()!r}; there are {', '.join(columns)}")
    return key


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
