"""What can be set is documented, with the default that really holds; the schemas for editors are fresh."""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mailgate import __version__, schemas, yamlfile
from mailgate.rules.actions import Then
from mailgate.rules.book import Rule, When
from mailgate.rules.conditions import Condition
from mailgate.sections import Oauth
from mailgate.settings import Settings
from mailgate.tickets.acts import ACTS
from mailgate.tickets.states import Status, Transition, Trigger

ROOT = Path(__file__).parent.parent
SETTINGS = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
RULES = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z0-9_.]+)` \|([^|]*)\|", SETTINGS, re.MULTILINE))


def inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in typing.get_args(annotation) if (found := inner(part))), None)


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, info in model.model_fields.items():
        if info.exclude:
            continue
        path = f"{prefix}{info.alias or name}"
        nested = inner(info.annotation)
        if nested is None or nested is Oauth:
            found.add(path)
        else:
            found |= keys(nested, f"{path}.")
    return found


def test_every_setting_is_documented_and_nothing_else() -> None:
    known = keys(Settings) | keys(Oauth, "oauth.")
    assert sorted(known - ROWS.keys()) == []
    assert sorted(ROWS.keys() - known - {"addresses", "agents", "imap"}) == []


@pytest.mark.parametrize("key", sorted(k for k, default in ROWS.items() if default.strip()))
def test_the_documented_default_is_the_real_one(key: str, tmp_path: Path) -> None:
    written = ROWS[key].strip("` ")
    holder, _, name = key.rpartition(".")
    needed = {
        "addresses": "address: a@x.test, ",
        "agents": "name: A, address: a@x.test, ",
        "imap": "host: x, user: u, ",
        "oauth": "token_url: x, client_id: y, ",
        "channels.whatsapp": "url_file: x, ",
        "assistant": "url: https://x.test, model: m, ",
    }.get(holder, "")
    listed = holder in ("addresses", "agents", "imap")

    def read(own: str) -> Any:
        body = f"{{{needed}{own}}}"
        if not holder:
            text = own
        elif holder == "oauth":
            text = f"relay: {{oauth: {body}}}"
        else:
            *outer, last = holder.split(".")
            text = f"{last}: {f'[{body}]' if listed else body}"
            for section in reversed(outer):
                text = f"{section}: {{{text}}}"
        model, mistakes = yamlfile.validate(yamlfile.parse(text, "x"), Settings, {"folder": tmp_path})
        assert model is not None, mistakes
        value: Any = model
        for step in f"relay.{holder}".split(".") if holder == "oauth" else holder.split(".") if holder else []:
            value = getattr(value, step)
        return getattr(value[0] if listed else value, name)

    assert read(f"{name}: {written}") == read("")


def words(literal: Any) -> set[str]:
    return set(typing.get_args(literal))


def aliases(model: type[BaseModel]) -> set[str]:
    return {info.alias or name for name, info in model.model_fields.items()}


@pytest.mark.parametrize(
    "known",
    [words(When), aliases(Condition), aliases(Then), aliases(Status), aliases(Transition)],
    ids=["when", "if", "then", "state", "transition"],
)
def test_every_word_of_rules_and_workflow_has_its_row(known: set[str]) -> None:
    rows = set(re.findall(r"^\| `([a-z_.]+)` \|", RULES, re.MULTILINE))
    assert sorted(known - rows) == []


@pytest.mark.parametrize(("model", "place"), [(Condition, "if"), (Then, "then")], ids=["if", "then"])
def test_every_key_of_a_rule_has_an_example_that_loads(model: type[BaseModel], place: str) -> None:
    section = RULES.partition(f"\n### {place}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \|.*\| `(.*)` \|$", section, re.MULTILINE)
    for key in aliases(model):
        examples = [example for name, example in rows if name == key and example.startswith(f"{key}:")]
        assert examples, key
        for example in examples:
            other = "then: {note: x}" if place == "if" else ""
            text = f"rules:\n- name: r\n  when: message_received\n  {place}:\n    {example}\n  {other}\n"
            found, mistakes = yamlfile.validate(yamlfile.parse(text, key), schemas.FILES["rules"])
            assert found is not None, (example, mistakes)


def test_the_words_inside_rows_are_there_too() -> None:
    for word in words(Trigger) | set(ACTS) | aliases(Rule):
        assert f"`{word}`" in RULES or f"{word}:" in RULES, word


def test_the_example_rules_in_the_docs_load() -> None:
    for block in re.findall(r"```yaml\n(.*?)```", RULES, re.DOTALL):
        block = textwrap.dedent(block)
        if block.startswith("rules:"):
            model = schemas.FILES["rules"]
        elif block.startswith("departments:"):
            model = schemas.FILES["departments"]
        elif block.startswith("canned:"):
            model = schemas.FILES["notices"]
        elif block.startswith("initial:"):
            model = schemas.FILES["workflow"]
        elif block.startswith("attachments:"):
            model = schemas.FILES["topics"]
        elif block.startswith("if:"):
            block, model = "rules:\n- name: r\n  when: timer\n  then: {}\n" + indent(block), schemas.FILES["rules"]
        else:
            block, model = "rules:\n" + block, schemas.FILES["rules"]
        found, mistakes = yamlfile.validate(yamlfile.parse(block, "docs/rules.md"), model)
        assert found is not None, mistakes


def indent(block: str) -> str:
    return "".join(f"  {line}\n" for line in block.splitlines())


@pytest.mark.parametrize("name", schemas.FILES)
def test_the_schemas_are_fresh(name: str) -> None:
    path = ROOT / f"config/schema/{name}.json"
    assert path.read_text(encoding="utf-8") == schemas.as_text(name), "run: python -m mailgate.schemas"


PRESET_FILES = sorted((ROOT / "config/presets").glob("*/*.yaml"))


@pytest.mark.parametrize("path", PRESET_FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_each_shipped_file_fits_its_schema_and_names_it(path: Path) -> None:
    assert path.read_text().startswith(f"# yaml-language-server: $schema=../../schema/{path.stem}.json\n")
    schema = json.loads((ROOT / f"config/schema/{path.stem}.json").read_text())
    assert misfits(yamlfile.load(path).data, schema, schema) == []


def test_the_example_fits_its_schema() -> None:
    schema = json.loads((ROOT / "config/schema/mailgate.json").read_text())
    data = yamlfile.load(ROOT / "config/mailgate.example.yaml").data
    assert misfits(data, schema, schema) == []
    assert misfits({**data, "adresses": []}, schema, schema) != []


KINDS = {"string": str, "integer": int, "number": (int, float), "array": list, "object": dict, "null": type(None)}


def misfits(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> list[str]:
    """What an editor would underline: as much of JSON Schema as ours use."""
    if "$ref" in schema:
        return misfits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, where)
    if "anyOf" in schema:
        found = [misfits(value, one, root, where) for one in schema["anyOf"]]
        return [] if any(not one for one in found) else min(found, key=len)
    kinds = schema.get("type", [])
    types = [KINDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "boolean"]
    if types and not any(isinstance(value, one) for one in types):
        return [f"{where}: {value!r} is not {kinds}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} not in {schema['enum']}"]
    if "const" in schema and value != schema["const"]:
        return [f"{where}: {value!r}"]
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return [f"{where}: {value!r} does not match {schema['pattern']}"]
    if isinstance(value, list):
        items = schema.get("items", {})
        return [m for n, one in enumerate(value) for m in misfits(one, items, root, f"{where}[{n}]")]
    if isinstance(value, dict):
        return _misfits_in_object(value, schema, root, where)
    return []


def _misfits_in_object(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], where: str) -> list[str]:
    found = [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
    for name, one in value.items():
        inner_schema = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
        if inner_schema is False:
            found.append(f"{where}: unknown {name}")
        elif isinstance(inner_schema, dict):
            found += misfits(one, inner_schema, root, f"{where}.{name}")
    return found


def test_the_program_says_its_version() -> None:
    """One number: of the package, of the change log's newest release, of the newest database kept for upgrades."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = re.search(r"^## ([0-9.]+) \(20", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert (__version__, newest[1]) == (project["version"], project["version"])
    assert (ROOT / "tests" / "migrations" / "data" / f"{__version__}.json").exists()
