"""CNPJ: read however it is written, digits and the letters that are allowed since July 2026; wrong ones refused."""

from __future__ import annotations

import pytest

from mailgate.people import cnpj


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("11.222.333/0001-81", "11222333000181"),
        (" 11222333000181 ", "11222333000181"),
        ("11 222 333/0001 81", "11222333000181"),
        ("12.ABC.345/01DE-35", "12ABC34501DE35"),
        ("12abc34501de35", "12ABC34501DE35"),
        ("11.222.333/0001-82", None),
        ("12.ABC.345/01DE-36", None),
        ("00.000.000/0000-00", None),
        ("11.222.333/0001", None),
        ("11.222.333/0001-8X", None),
        ("", None),
        ("1" * 10_000, None),
        ("１１２２２３３３０００１８１", None),
    ],
)
def test_read(written: str, number: str | None) -> None:
    assert cnpj.read(written) == number
    if number is not None:
        assert cnpj.read(cnpj.shown(number)) == number
