"""JSON Schemas of the files that an admin edits, for editors (`# yaml-language-server: $schema=...`).

Generated from the models that read the files: `python -m mailgate.schemas` writes `config/schema/`, a test compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from mailgate.companyfiles import DepartmentsFile, NoticesFile, PeopleFile, SlaFile, TopicsFile
from mailgate.resources import data_folder
from mailgate.rules.book import RulesFile
from mailgate.settings import Settings
from mailgate.tickets.states import WorkflowFile

FILES: dict[str, type[BaseModel]] = {
    "mailgate": Settings,
    "workflow": WorkflowFile,
    "rules": RulesFile,
    "sla": SlaFile,
    "topics": TopicsFile,
    "departments": DepartmentsFile,
    "people": PeopleFile,
    "notices": NoticesFile,
}


class _Plain(GenerateJsonSchema):
    """Defaults only where they are plain words and numbers; sections repeat theirs further down."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if isinstance(default, (str, int)) and not isinstance(default, bool) and _showable(default):
            return {**inner, "default": default}
        return inner


def _showable(value: str | int) -> bool:
    """Whether a default may be shown: `off` is kept as a number that says nothing to a reader."""
    return isinstance(value, str) or value < 2**53


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of `<name>.yaml`."""
    found = FILES[name].model_json_schema(by_alias=True, schema_generator=_Plain)
    if name == "mailgate":
        found["properties"].pop("folder", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": f"{name}.yaml"}


def as_text(name: str) -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(name), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write every schema into `folder`; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in FILES:
        path = folder / f"{name}.json"
        path.write_text(as_text(name), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write(data_folder("config") / "schema"):
        sys.stdout.write(f"{path}\n")
