"""The form of a new ticket before there is one: what may be chosen, what it asks, what came back."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from mailgate.companyfiles import Department, Topic, TopicsFile
from mailgate.tickets import intake

TODAY = date(2026, 11, 26)
SINCE = {"key": "since", "label": {"en": "Since"}, "kind": "date", "required": "yes"}
FAULT = Topic.model_validate(
    {
        "label": {"en": "Fault"},
        "attachment": "required",
        "fields": [
            {"key": "steps", "label": {"en": "Steps"}, "kind": "long_text", "required": "yes"},
            {"key": "down", "label": {"en": "Down?"}, "kind": "yes_no"},
            {**SINCE, "if": {"field": "down", "is": "yes"}},
        ],
    }
)  # fmt: skip
TOPICS = TopicsFile(topics={"fault": FAULT, "bill": Topic(label={"en": "Bill"}, departments=("money",))})


def test_what_may_be_chosen() -> None:
    every = {
        "help": Department(label={"en": "Help"}),
        "money": Department(label={"en": "Money"}),
        "inner": Department(label={"en": "Inner"}, public=False),
    }
    assert list(intake.departments_of(every, TOPICS)) == ["help", "money"]
    assert list(intake.topics_of(TOPICS, "help")) == ["fault"]
    assert list(intake.topics_of(TOPICS, "money")) == ["fault", "bill"]
    only = TopicsFile(topics={"bill": TOPICS.topics["bill"]})
    assert list(intake.departments_of(every, only)) == ["money"], "a department without a topic is none to choose"
    assert list(intake.departments_of(every, TopicsFile())) == ["help", "money"]


def test_the_description_answers_the_first_long_field_and_a_file_the_attachment() -> None:
    found = intake.read(FAULT, {"down": "não"}, "First this, then that", ["a.png"], TODAY)
    assert found.answers == {"steps": "First this, then that", "down": "no", "attachment": "a.png"}
    assert found.problems == {}
    assert [one.key for one in intake.fields_of(FAULT)] == ["down", "since"]
    file = intake.file_of(FAULT)
    assert file is not None
    assert (file.key, file.required) == ("attachment", True)


def test_only_what_is_asked_for_is_read() -> None:
    unasked = intake.read(FAULT, {"since": "2026-11-20"}, "x", [], TODAY)
    assert unasked.answers == {"steps": "x"}
    assert unasked.problems == {"attachment": "empty"}
    asked = intake.read(FAULT, {"down": "yes"}, "x", ["a.png"], TODAY)
    assert asked.problems == {"since": "empty"}
    assert [one.key for one in intake.asked_besides(FAULT, asked.answers, ["down"])] == ["since"]
    assert intake.asked_besides(FAULT, asked.answers, ["down", "since"]) == ()


@given(st.dictionaries(st.sampled_from(["steps", "down", "since", "x"]), st.text(max_size=40)), st.text(max_size=40))
def test_total(typed: dict[str, str], text: str) -> None:
    found = intake.read(FAULT, typed, text, [], TODAY)
    assert set(found.answers).isdisjoint(found.problems)
