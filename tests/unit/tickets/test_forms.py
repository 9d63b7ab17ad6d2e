"""What somebody fills in is read tolerantly; what is asked for follows from what was answered."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.companyfiles import FormField
from mailgate.tickets import forms

TODAY = date(2026, 11, 25)


def field(kind: str, **more: object) -> FormField:
    return FormField.model_validate({"key": more.pop("key", "x"), "label": "X", "kind": kind, **more})


@pytest.mark.parametrize(
    ("kind", "written", "value", "problem"),
    [
        ("yes_no", "Sim.", "yes", ""),
        ("yes_no", "NÃO", "no", ""),
        ("yes_no", "talvez", "", "yes_no"),
        ("date", "20/12", "2026-12-20", ""),
        ("date", "10/01", "2027-01-10", ""),
        ("date", "31/02/2026", "", "date"),
        ("number", "1.234,50", "1234.50", ""),
        ("number", "1.234", "1234", ""),
        ("number", "0.125", "0.125", ""),
        ("phone", "+55 (11) 98888-7777", "+55 (11) 98888-7777", ""),
        ("phone", "ligue", "", "phone"),
        ("text", "  ", "", "empty"),
    ],
)
def test_what_is_written_is_understood(kind: str, written: str, value: str, problem: str) -> None:
    assert forms.read(field(kind), written, TODAY) == forms.Filled(value, problem)


def test_a_choice_may_be_begun_and_misses_accents() -> None:
    layers = field("choice", choices=["três camadas", "local"])
    assert forms.read(layers, "Tres", TODAY).value == "três camadas"
    assert forms.read(layers, "nuvem", TODAY).problem == "choice"


def test_a_field_is_asked_for_when_the_other_says_so() -> None:
    asked_if = {"field": "cloud", "is": "yes"}
    fields = [field("yes_no", key="cloud"), field("text", key="teste", required=True, **{"if": asked_if})]
    assert [f.key for f in forms.missing(fields, {"cloud": "yes"}, files=0)] == ["teste"]
    assert forms.missing(fields, {"cloud": "no"}, files=0) == ()
    assert forms.problems(fields) == []
    assert [place for place, _ in forms.problems(fields[::-1])] == [("fields", 0, "if", "field")]


@given(st.sampled_from(["text", "choice", "yes_no", "date", "number", "phone"]), st.text(max_size=60))
def test_anything_can_be_written(kind: str, written: str) -> None:
    found = forms.read(field(kind, choices=["a", "b"] if kind == "choice" else []), written, TODAY)
    assert bool(found.value) != bool(found.problem)
