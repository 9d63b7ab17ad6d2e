"""Organisations, branches and contacts at the terminal, and out of the files that offices keep."""

from __future__ import annotations

import pytest

from store import people
from tests.unit.cli.conftest import BRUNO, Shell

CNPJ = "11.222.333/0001-81"


@pytest.fixture
def company(shell: Shell) -> Shell:
    """Cliente, with two shops and Ana."""
    shell("organisation", "add", "Cliente", "--domain", "cliente.test")
    shell("branch", "add", "Cliente", "Loja 1", "--place", "Rua A, São Paulo")
    shell("branch", "add", "Cliente", "Loja 2", "--address", "loja2@cliente.test", "--cnpj", "11222333000262")
    shell("contact", "add", "ana@cliente.test", "--name", "Ana")
    return shell


def test_a_branch_with_its_people(company: Shell) -> None:
    assert [v["name"] for v in company("branch", "list", "--json").values] == ["Loja 1", "Loja 2"]
    changed = company("contact", "set", "ana@cliente.test", "--branch", "loja 2", "--role", "manager", "--also",
                      "ana@celular.test", "--may", "open answer", "--json").value  # fmt: skip
    assert sorted(changed["changes"]) == ["branch_id", "may", "more_addresses", "role"]
    assert company("branch", "show", "Cliente", "Loja 2", "--json").value["contacts"] == ["ana@cliente.test"]
    shown = company("contact", "show", "ana@celular.test", "--json").value
    assert (shown["address"], shown["branch"], shown["more_addresses"], shown["may"]) == (
        "ana@cliente.test", "Loja 2", ["ana@celular.test"], ["open", "answer"],
    )  # fmt: skip
    again = company("contact", "set", "ana@cliente.test", "--branch", "Loja 2", "--json").value
    assert again["action"] == "same"


def test_an_organisation_by_its_number(company: Shell) -> None:
    company("organisation", "set", "cliente", "--cnpj", CNPJ, "--network", "Rede Boa", "--tier", "prime")
    assert company("branch", "list", "--organisation", CNPJ).code == 0
    (one,) = company("organisation", "list", "--json").values
    assert (one["cnpj"], one["network"], one["tier"], one["domains"]) == (
        "11222333000181", "Rede Boa", "prime", ["cliente.test"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        ["branch", "add", "Cliente", "Loja 1"],
        ["branch", "add", "Ninguém", "Loja 3"],
        ["branch", "add", "Cliente", "Loja 3", "--cnpj", "11.222.333/0001-80"],
        ["branch", "set", "Cliente", "Loja 3", "--place", "x"],
        ["branch", "set", "Cliente", "Loja 1", "--address", "suporte@example.test"],
        ["contact", "set", "ana@cliente.test", "--branch", "Loja 3"],
        ["contact", "set", "ana@cliente.test", "--role", "king"],
        ["contact", "set", "ana@cliente.test", "--may", "fly"],
        ["contact", "set", "ana@cliente.test", "--also", BRUNO],
        ["contact", "set", "quem@cliente.test", "--name", "Q"],
        ["organisation", "set", "Cliente", "--cnpj", "1"],
    ],
)
def test_what_does_not_fit(company: Shell, command: list[str]) -> None:
    before = company("branch", "list", "--json").out + company("contact", "list", "--json").out
    ran = company(*command)
    assert (ran.code, "Traceback" in ran.err) == (65, False)
    assert company("branch", "list", "--json").out + company("contact", "list", "--json").out == before


def test_a_file_of_contacts(company: Shell) -> None:
    """Semicolons, Portuguese headings, Windows-1252: as a spreadsheet in Brazil writes it."""
    file = company.folder / "contatos.csv"
    file.write_bytes(
        "Endereço;Nome;Empresa;Filial;Papel;Outros endereços\r\n"
        "ana@cliente.test;Ana Conceição;Cliente;Loja 1;master;\r\n"
        ";;;;;\r\n"
        "joao@cliente.test;João;Cliente;Loja 2;;joao@casa.test, joao@obra.test\r\n".encode("cp1252")
    )
    dry = company("contact", "import", str(file), "--dry-run", "--json")
    assert [(v["line"], v["who"], v["action"]) for v in dry.values] == [
        (2, "ana@cliente.test", "change"), (4, "joao@cliente.test", "add"),
    ]  # fmt: skip
    assert len(company("contact", "list", "--json").values) == 1
    assert company("contact", "import", str(file)).code == 0
    assert company("contact", "show", "joao@obra.test", "--json").value["branch"] == "Loja 2"
    assert company("contact", "show", "ana@cliente.test", "--json").value["name"] == "Ana Conceição"
    again = company("contact", "import", str(file), "--json")
    assert [v["action"] for v in again.values] == ["same", "same"]


def test_with_one_mistake_nothing_is_written(company: Shell) -> None:
    file = company.folder / "empresas.csv"
    file.write_text(f"name,cnpj,network\nNova,{CNPJ},Rede\nOutra,11.222.333/0001-82,Rede\nTerceira,{CNPJ},\n")
    ran = company("organisation", "import", str(file), "--json")
    assert (ran.code, [v["action"] for v in ran.values]) == (65, ["add", "mistake", "mistake"])
    assert [v["name"] for v in company("organisation", "list", "--json").values] == ["Cliente"]


@pytest.mark.parametrize("content", ["", "nome;telefone\nAna;1\n", "name,name\na,b\n", "name,cnpj\nAna\n", "name\n\n"])
def test_a_file_that_is_no_table(company: Shell, content: str) -> None:
    file = company.folder / "x.csv"
    file.write_text(content)
    ran = company("organisation", "import", str(file))
    assert ran.code in (64, 65)
    assert "Traceback" not in ran.err


def test_rows_of_one_file_know_each_other(company: Shell) -> None:
    """What an earlier row wrote holds for a later one, and each organisation is read once, not for every row."""
    rows = [f"Empresa {n};e{n}.test" for n in range(300)]
    path = _file(company, "\n".join(["name;domains", *rows, "Empresa 7;e7.test, sete.test", "EMPRESA 8;"]))
    every, read = people.organisations, []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(people, "organisations", lambda c: [read.append(c), every(c)][1])
        done = company("organisation", "import", path, "--json").values
    assert [line["action"] for line in done] == ["add"] * 300 + ["change"] * 2
    assert len(read) <= 2
    found = {one["name"]: one["domains"] for one in company("organisation", "list", "--json").values}
    assert (found["Empresa 7"], found["Empresa 8"], len(found)) == (["e7.test", "sete.test"], [], 301)
    taken = _file(company, "name;domains\nEmpresa 8;\nNova;e8.test\nOutra;e8.test\nVelha;cliente.test\n")
    problems = [line["problem"] for line in company("organisation", "import", taken, "--json").values]
    assert problems == [None, None, "e8.test belongs to Nova already", "cliente.test belongs to Cliente already"]
    shops = _file(company, "organisation;name;place\nempresa 7;Loja A;Rua A\nEmpresa 7;LOJA A;Rua B\n")
    assert [line["action"] for line in company("branch", "import", shops, "--json").values] == ["add", "change"]


def _file(company: Shell, content: str) -> str:
    path = company.folder / "rows.csv"
    path.write_text(content, encoding="utf-8")
    return str(path)
