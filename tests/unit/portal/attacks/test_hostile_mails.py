"""Hostile mails through the whole line in this process: an outcome for each, and pages that do no harm.

On both databases: PostgreSQL takes no NUL. What is decided runs in the program's one process, so its time counts most.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from mailgate.flows import receive
from mailgate.portal.limits import PortalLimits
from store.tables import TICKET
from tests.hostile.mails import attacks
from tests.house import BRUNO, House
from tests.unit.portal.conftest import Portal
from tests.unit.portal.test_pages import assert_harmless

SAMPLE = (
    "nul-everywhere", "nul-name", "nul-encoded", "subject-nul", "subject-html", "subject-encoded-crlf",
    "subject-template",
    "subject-sql", "subject-bidi", "from-encoded-crlf", "from-surrogates", "from-long-address", "date-0", "date-3",
    "message-id-nul", "message-id-surrogate", "references-garbage", "path-0", "path-19", "ctype-injection-10",
    "xss-mxss-title",
    "xss-svg", "html-lone-surrogates", "charset-surrogates", "quote-command-spaces", "quote-hashes", "controls-all",
    "filename-2231-crlf", "list-odd", "report-fields-100k",
)  # fmt: skip
_LIMITS = dict.fromkeys(("mails_per_sender", "tickets_per_sender", "acks_per_address", "acks_total"), "off")


def _taken(house: House, raw: bytes, name: str) -> float:
    """Take a mail through the line; seconds of processor time that the decision took (reading not counted)."""
    real = receive.process
    spent: list[float] = []

    def timed(*arguments: object) -> object:
        begin = time.process_time()
        try:
            return real(*arguments)  # type: ignore[arg-type]
        finally:
            spent.append(time.process_time() - begin)

    receive.process = timed  # type: ignore[assignment]
    try:
        settled = house.receive(raw, mail_from="")
    finally:
        receive.process = real
    assert settled.outcome is not None, f"{name} was not decided"
    return spent[-1]


def _go_through(portal: Portal, names: list[str]) -> dict[str, float]:
    """Every attack, then every page of every ticket that came of it."""
    spent = {name: _taken(portal.house, attacks()[name](), name) for name in names}
    with portal.house.site.writer.database.read() as connection:
        keys = [row.key for row in connection.execute(select(TICKET.c.key).order_by(TICKET.c.id))]
    agent = portal.signed_in(BRUNO[1])
    for path in ("/queue", *(f"/tickets/{key}" for key in keys)):
        answer = agent.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        assert_harmless(answer.text)
        assert "\0" not in answer.text
    return spent


@pytest.mark.timeout(300)
def test_a_sample_gets_an_outcome_and_pages_that_do_no_harm(
    make_portal: Callable[..., Portal],
    house_url: str,
) -> None:
    spent = _go_through(make_portal(url=house_url, limits=_LIMITS), list(SAMPLE))
    assert max(spent.values()) < 1.0, spent


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_attack_gets_an_outcome_and_pages_that_do_no_harm(
    make_portal: Callable[..., Portal],
    house_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [name for name, write in attacks().items() if len(write()) < 3_000_000]
    bounds = PortalLimits(requests_per_token=(), requests_per_ip=(), render_seconds=60)  # hundreds of pages at once
    spent = _go_through(make_portal(bounds=bounds, url=house_url, limits=_LIMITS), names)
    slow = sorted(spent.items(), key=lambda item: -item[1])[:5]
    with capsys.disabled():
        print(f"\n  {len(names)} attacks on {house_url[:6]}; decisions that took longest: {slow}")
    assert slow[0][1] < 1.0
