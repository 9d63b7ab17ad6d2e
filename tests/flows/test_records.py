"""A record says all that a decision saw: decided again from what was stored, it is the same, to the byte."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.decide.decide import decide
from mailgate.decide.facts import BranchFacts, Facts, FileFacts, Forwarded, News, ReturnedFacts
from mailgate.decide.ruling import Book
from mailgate.flows.recall import facts_of
from mailgate.flows.record import decision_json, to_json, whole_json
from mailgate.links.tokens import Capability
from mailgate.mail.message import Address, Bounce, Returned
from mailgate.rules.book import RuleBook, RulesFile
from mailgate.yamlfile import parse, validate
from store.vocabulary import Role
from tests.unit.decide import test_total
from tests.unit.decide.cases import PROVEN, UNPROVEN, book

#: Rules that look at everything, so that what a record loses shows in what is decided.
_RULES = """
rules:
- {name: corpo, when: [message_received, customer_commented], if: {body: {matches: "."}}, then: {tags: corpo}}
- {name: campo, when: ticket_opened, if: {header: {name: X-Y, trusted: yes}}, then: {priority: high}}
- {name: tipo, when: ticket_opened, if: {kind: [newsletter, out_of_office]}, then: {tags: tipo}}
- {name: anexo, when: ticket_opened, if: {attachment_name: {contains: a}}, then: {note: anexo, due: 4h}}
- {name: prova, when: [ticket_opened, customer_commented], if: {authentication: {spf: [fail, none]}}, then: {tags: x}}
- {name: hora, when: [ticket_opened, timer], if: {time: 08:00-18:00}, then: {tags: dia}}
- {name: nivel, when: ticket_opened, if: {tier: prime}, then: {agent: least_loaded}}
- {name: vez, when: [status_changed, timer, bounce], then: {agent: round_robin, notify: agents}}
"""
_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_MOMENTS = st.datetimes(
    datetime(2024, 1, 1), datetime(2027, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3)), timezone(timedelta(hours=5, minutes=30))]),
)  # fmt: skip
_ADDRESSES = st.builds(Address, _WORDS, st.sampled_from(["ana@cliente.test", "x@y.test", "ção@é.test"]))
_FILES = st.lists(st.builds(FileFacts, _WORDS, _WORDS, _WORDS, st.integers(0, 2**40), st.lists(_WORDS).map(tuple)))
_AUTH = st.sampled_from([PROVEN, UNPROVEN, replace(UNPROVEN, spf="fail", dmarc="fail", trusted="mx.example.test")])
_BOUNCES = st.builds(
    Bounce, st.none() | _WORDS, st.none() | _WORDS, st.sampled_from([None, "failed", "delayed"]), st.none() | _WORDS,
    recipients=st.lists(st.builds(Returned, _WORDS, _WORDS, _WORDS), max_size=2).map(tuple),
)  # fmt: skip


@st.composite
def _anything(draw: Any, preset: str) -> Facts:
    """Facts of any event, with whatever can stand in a mail."""
    facts: Facts = draw(test_total._facts(preset))
    news = draw(st.lists(st.builds(News, st.sampled_from(["comment", "status"]), _WORDS, _MOMENTS, _WORDS), max_size=2))
    facts = replace(
        facts, news=tuple(news), tier=draw(st.sampled_from(["", "prime"])), organisation=draw(_WORDS),
        branches=draw(st.sampled_from([(), (BranchFacts(1, "Centro", "Rede"),)])), rated_at=draw(st.none() | _MOMENTS),
        agents=tuple(replace(a, open_tickets=draw(st.integers(0, 9)), last_drawn=draw(st.integers(0, 2**53)))
                     for a in facts.agents),
    )  # fmt: skip
    if facts.mail is None:
        return facts
    mail = replace(
        facts.mail, subject=draw(_WORDS), reply=draw(_WORDS | st.sampled_from(test_total._TEXTS)),
        date=draw(st.none() | _MOMENTS), received_at=draw(_MOMENTS), message_id=draw(_WORDS), auth=draw(_AUTH),
        headers=tuple(draw(st.lists(st.tuples(st.sampled_from(["X-Y", "Subject"]), _WORDS), max_size=3))),
        files=tuple(draw(_FILES)), attachment_names=tuple(draw(st.lists(_WORDS, max_size=2))),
        reply_to=tuple(draw(st.lists(_ADDRESSES, max_size=2))), bounce=draw(st.none() | _BOUNCES),
        filled=tuple(draw(st.lists(_WORDS, max_size=2))), defects=tuple(draw(st.lists(_WORDS, max_size=2))),
        fine_kind=draw(st.sampled_from(["", "newsletter", "out_of_office", "human"])), counts=draw(st.booleans()),
        returned=draw(st.none() | st.builds(ReturnedFacts, st.integers(1, 9), _WORDS, st.booleans())),
    )  # fmt: skip
    button = st.builds(Capability, st.just(1), st.just(11), st.just(Role.CUSTOMER), st.just(1),
                       st.sampled_from(["rate_3", "solved", "not_solved"]))  # fmt: skip
    passed = st.builds(Forwarded, _ADDRESSES, _WORDS, _WORDS, _WORDS)
    return replace(facts, mail=mail, button=draw(st.none() | button), forwarded=draw(st.none() | passed))


def _ruled(preset: str) -> Book:
    file, mistakes = validate(parse(_RULES, "rules.yaml"), RulesFile)
    assert file is not None, mistakes
    shipped = book(preset)
    return replace(shipped, rules=RuleBook((*shipped.rules.rules, *RuleBook.of(file).rules)))


@pytest.mark.parametrize("preset", ["centrium", "totvs", "provedor"])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_decided_again_from_its_record_it_is_the_same(preset: str, data: Any) -> None:
    facts, rules = data.draw(_anything(preset)), _ruled(preset)
    decision = decide(facts, rules)
    if facts.mail is not None:  # its texts are those of the raw mail
        record = to_json(facts, decision, [])
        again = facts_of(json.loads(record), facts.mail.reply, facts.mail.headers)
        if facts.forwarded is not None and again.forwarded is not None:
            again = replace(again, forwarded=replace(again.forwarded, text=facts.forwarded.text))
        assert f'"decision":{decision_json(decide(again, rules))},"notices":' in record
    else:
        record = whole_json(facts, decision, [])
        again = facts_of(json.loads(record))
        assert whole_json(again, decide(again, rules), []) == record
    assert again == facts
    assert decide(again, rules) == decision
