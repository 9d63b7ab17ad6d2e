"""Notices by WhatsApp at the provider's, with an HTTP server that plays the company of telephones (R069, R111, A8)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailgate.company import read_company
from mailgate.errors import DataError
from mailgate.flows import directory
from mailgate.flows.deliver import Outgoing
from mailgate.notify.channels import Provider, Providers
from mailgate.notify.transport import DeliveryResult
from mailgate.scaffold import preset_folder
from mailgate.settings import read_settings
from store.tables import EVENT
from tests.flows.story import ACCEPTED, Story
from tests.house import ANA, CARMEN, SUPPORT, plain_mail
from tests.telephones import Telephones, played

NUMBER = "+5548999990000"


@pytest.fixture
def telephones() -> Iterator[Telephones]:
    with played() as telephones:
        yield telephones


@pytest.fixture
def story(make_story: Callable[..., Story], tmp_path: Path, telephones: Telephones) -> Story:
    """The provider's preset with a company of telephones; Ana wants to be told there, Carmen never asked."""
    (tmp_path / "whatsapp.url").write_text(telephones.url, encoding="utf-8")
    made = make_story(preset="provedor", channels={"whatsapp": {"url_file": "whatsapp.url"}})
    directory.put(made.site, "contact", {"address": ANA[1], "name": ANA[0], "whatsapp": "+55 (48) 99999-0000"})
    return made


def relay(telephones: Telephones) -> Callable[[Outgoing], DeliveryResult]:
    """Mails are taken; messages go to the provider, as the threads of the outbox send them."""

    def answer(mail: Outgoing) -> DeliveryResult:
        if mail.channel == "mail":
            return ACCEPTED
        text = (mail.rendered.content or b"").decode()
        return Providers({"whatsapp": Provider(telephones.url, 5)}).send(mail.channel, mail.recipient, text)

    return answer


def write(story: Story, who: tuple[str, str] = ANA, *, verified: bool = True) -> None:
    story.receive(plain_mail(who, SUPPORT, "Conta sem espaço", "A conta está cheia.", verified=verified))


def test_opened_answered_reminded_and_finished_by_whatsapp_too(story: Story, telephones: Telephones) -> None:
    write(story)
    story.deliver(relay(telephones))
    story.agent_answers("SUP-1", "Aumentei para 50 GB. Pode conferir?")
    story.deliver(relay(telephones))
    story.later(hours=49)
    story.sweep()
    story.deliver(relay(telephones))
    story.agent_answers("SUP-1", "#fechar")
    story.deliver(relay(telephones))

    assert {path for path, _ in telephones.got} == {f"/{NUMBER[1:]}"}
    first, *rest = [text.splitlines() for _, text in telephones.got]
    assert first[0] == "Exemplo Sistemas: recebemos a sua mensagem e abrimos o ticket SUP-1."
    assert first[1] == "Status: Aberto"
    assert first[2].startswith(f"{story.site.base_url}/t/")
    assert [lines[:2] for lines in rest] == [
        ["Exemplo Sistemas: há uma nova resposta no ticket SUP-1.", "Status: Respondido"],
        ["Exemplo Sistemas: o ticket SUP-1 está à espera da sua resposta.", "Status: Respondido"],
        ["Exemplo Sistemas: o ticket SUP-1 foi encerrado.", "Status: Finalizado"],
    ]
    assert "not_told" not in story.events("SUP-1")
    by_mail = [row.notice for row in story.outbox() if row.recipient == ANA[1]]
    assert by_mail == ["N1", "N5", "N8", "N12"]  # the mails go as ever


def test_who_never_asked_and_who_is_not_proven_set_off_no_message(story: Story, telephones: Telephones) -> None:
    write(story, CARMEN)
    write(story, verified=False)
    story.deliver(relay(telephones))
    assert telephones.got == []
    assert {row.channel for row in story.outbox()} == {"mail"}


def test_a_provider_that_refuses_is_asked_again_and_at_last_the_history_says_so(
    story: Story, telephones: Telephones
) -> None:
    telephones.status = 503
    write(story)
    story.deliver(relay(telephones))
    story.later(minutes=2)
    story.deliver(relay(telephones))
    assert len(telephones.got) == 2
    (waiting,) = [row for row in story.outbox() if row.channel == "whatsapp"]
    assert (waiting.state, waiting.attempts) == ("sending", 2)
    assert "127.0.0.1" not in waiting.answer  # a provider's URL holds its password

    story.later(days=6)
    story.deliver(relay(telephones))
    (event,) = [e for e in story.rows(EVENT) if e.kind == "delivery_failed"]
    assert (event.data["channel"], event.data["recipient"], event.data["notice"]) == ("whatsapp", NUMBER, "N1")
    assert not story.outbox("DELIVERY_FAILED")
    assert len([row for row in story.outbox("N1") if row.state == "accepted"]) == 1  # the mail


def test_without_a_provider_mails_go_and_the_history_says_what_did_not(make_story: Callable[..., Story]) -> None:
    story = make_story(preset="provedor")
    directory.put(story.site, "contact", {"address": ANA[1], "name": ANA[0], "whatsapp": NUMBER})
    write(story)
    story.agent_answers("SUP-1", "Aumentei para 50 GB. Pode conferir?")
    (event,) = [e for e in story.rows(EVENT) if e.kind == "not_told"]
    assert event.data == {"notice": "N5", "channel": "whatsapp", "why": "no provider is set up"}
    assert {row.channel for row in story.outbox()} == {"mail"}


def test_a_number_comes_with_its_country(story: Story) -> None:
    with pytest.raises(DataError, match=r"\+5548999990000"):
        directory.put(story.site, "contact", {"address": ANA[1], "whatsapp": "48 99999-0000"})


def test_a_url_without_the_place_of_the_number_is_a_mistake(tmp_path: Path) -> None:
    """Every message would reach the same person."""
    (tmp_path / "whatsapp.url").write_text("json://127.0.0.1/all", encoding="utf-8")
    (tmp_path / "whatsapp.url").chmod(0o644)
    (tmp_path / "mailgate.yaml").write_text("channels: {whatsapp: {url_file: whatsapp.url}}\n", encoding="utf-8")
    _, mistakes = read_settings(tmp_path / "mailgate.yaml", {})
    said = " ".join(m.reason for m in mistakes)
    assert "lacks {number}" in said
    assert "can be read by others" in said


def test_apprise_is_not_read_before_the_first_message() -> None:
    asked = "import sys, mailgate.serving.serve; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("url", ["nothing://at-all/{number}", "json://127.0.0.1:9/{number}", "{number}"])
def test_what_cannot_leave_is_tried_again(url: str) -> None:
    """A wrong URL must not fail a day's messages, as a wrong relay does not fail a day's mails."""
    result = Providers({"whatsapp": Provider(url, 1)}).send("whatsapp", NUMBER, "Oi")
    assert (result.state, Providers({}).send("whatsapp", NUMBER, "Oi").state) == ("deferred", "deferred")


@pytest.mark.parametrize(("whatsapp", "said"), [(False, 1), (True, 0)])
def test_check_says_what_waits_for_a_provider(tmp_path: Path, whatsapp: bool, said: int) -> None:
    zone = "America/Sao_Paulo"
    company, mistakes = read_company(tmp_path, preset_folder("provedor"), timezone=zone, whatsapp=whatsapp)
    assert company is not None
    assert len([m for m in mistakes if m.warning and "`notify_whatsapp` needs a provider" in m.reason]) == said
