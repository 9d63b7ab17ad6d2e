"""What the form of a new ticket brings: read within bounds, whatever it is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.flows.opening import MOST_FOLLOWERS
from mailgate.portal import newform

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    "text",
    ["ana@cliente.test", "Ana.Souza+suporte@Cliente.COM.br", "a@b.co", "o'brien@x.test", "ana@exämple.test"],
)
def test_addresses_that_mail_can_go_to(text: str) -> None:
    assert newform.is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "ana", "ana@", "@x.test", "ana@localhost", "ana@x..test", "a b@x.test", "ana@x.test, eva@y.test",
        "Ana <ana@x.test>", "ana@x.test\nBcc: eva@y.test", '"a"@x.test', "a@[127.0.0.1]", "a@127.0.0.1", "ána@x.test",
        "x" * 65 + "@x.test", "a@" + "x." * 200 + "test", "a@-x.test", "a\u202e@x.test",
    ],
)  # fmt: skip
def test_addresses_that_are_none(text: str) -> None:
    assert not newform.is_address(text)


def test_a_draft_is_clean_and_bounded() -> None:
    draft = newform.draft_of(
        [
            ("subject", "  Erro\r\n\0 42\u0007 "), ("subject", "zweiter"), ("text", "a\r\nb\0\rc\ud800"),
            ("field_versao", "12.1"), ("branch", "5"), ("branch", "5"), ("branch", "x"), ("branch", "9" * 40),
            ("branch", "٣"), ("follower_1", "a@x.test"), ("writes_1", "no"), ("follower_9", "b@x.test"),
            ("shown", "a b"), ("token", "x"),
        ]
    )  # fmt: skip
    assert (draft.subject, draft.text) == ("Erro 42", "a\nb\nc?")
    assert draft.typed == {"versao": "12.1"}
    assert draft.branch_ids == (5,)
    assert draft.followers == (("a@x.test", False),)
    assert draft.shown == ("a", "b")
    huge = newform.draft_of([(name, "x" * 300_000) for name in ("subject", "text", "name", "phone", "field_a")])
    assert len(huge.text) == newform.MOST_TEXT + 1
    found = newform.check(huge, None, [], TODAY, guest=True)
    assert found.problems == {"address": "address", "phone": "phone", "subject": "long", "text": "long"}


@given(st.lists(st.tuples(st.sampled_from(["subject", "text", "branch", "follower_1", "field_", "x"]), st.text())))
def test_total(values: list[tuple[str, str]]) -> None:
    draft = newform.draft_of(values)
    assert len(draft.followers) <= MOST_FOLLOWERS
    assert "\0" not in f"{draft}"
    newform.check(draft, None, [], TODAY, guest=True)
