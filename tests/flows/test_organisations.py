"""Organisations, networks and branches by mail, on both databases: who is who, who may write where, who is told."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from email.utils import parseaddr
from typing import Any

import pytest

from mailgate.errors import DataError, NotAllowed
from mailgate.flows import changing, customer, following
from mailgate.flows.seeing import visible_tickets
from store import people
from store.tables import PARTICIPANT, TICKET_BRANCH
from store.vocabulary import Channel
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail

LUIZ = ("Luiz", "luiz@cliente.test")
MARTA = ("Marta", "marta@cliente.test")
CAIO = ("Caio", "caio@cliente.test")
NINA = ("Nina", "nina@irma.test")
STORE = "loja2@cliente.test"


class Network(Story):
    """Two shops of one organisation, a sister organisation in the same network, and their people."""

    def found(self) -> dict[str, int]:
        """Make them all; contact ids by first name."""
        ids = {name: self.site.ids.new() for name in ("cliente", "irma", "loja1", "loja2", "loja9")}
        now = self.clock()

        def work(connection: Any) -> dict[str, int]:
            for name, domain in (("cliente", "cliente.test"), ("irma", "irma.test")):
                people.add_organisation(connection, {
                    "id": ids[name], "name": name.title(), "domains": [domain], "network": "Rede Boa", "cnpj": "",
                    "language": None, "tier": "", "created_at": now,
                })  # fmt: skip
            for name, owner, address in (("loja1", "cliente", ""), ("loja2", "cliente", STORE), ("loja9", "irma", "")):
                people.add_branch(connection, {
                    "id": ids[name], "organisation_id": ids[owner], "name": f"Loja {name[-1]}", "place": "", "cnpj": "",
                    "address": address, "active": True, "created_at": now,
                })  # fmt: skip
            made = {}
            for (name, address), branch, role in (
                (ANA, "loja1", "light"), (LUIZ, "loja1", "light"), (CAIO, "loja2", "light"), (MARTA, None, "master"),
                (NINA, "loja9", "light"),
            ):  # fmt: skip
                row = people.contact_for(connection, self.site.ids.new(), address, name, None, now, role)
                people.change_contact(connection, row.id, branch_id=ids[branch] if branch else None)
                made[name.split()[0]] = row.id
            return made

        return self.site.writer.call(work)

    def sees(self, contact_id: int) -> list[str]:
        """The keys of the tickets that a contact may see."""
        with self.site.writer.database.read() as connection:
            return [row.key for row in visible_tickets(connection, self.site, contact_id)]


@pytest.fixture
def make_network(make_story: Callable[..., Story]) -> Callable[..., tuple[Network, dict[str, int]]]:
    def make(**settings: Any) -> tuple[Network, dict[str, int]]:
        story = make_story(**settings)
        network = Network(story.site, clock=story.clock)
        return network, network.found()

    return make


def test_any_address_of_a_contact_is_that_contact_and_answers_go_to_the_main_one(make_network: Any) -> None:
    """F45: the phone's account is the same Ana; the acknowledgement goes to the address that we keep."""
    story, ids = make_network()
    story.site.writer.call(lambda c: people.put_addresses(c, ids["Ana"], ["ana@celular.test"], story.clock()))
    phone = ("Ana", "ana@celular.test")
    done = story.receive(plain_mail(phone, SUPPORT, "Nota recusada", "Erro 656."))
    assert (story.ticket("SUP-1").requester_id, done.key) == (ids["Ana"], "SUP-1")
    assert story.told("N1") == [("N1", ANA[1])]
    story.agent_answers("SUP-1", "Instale o anexo.")
    story.receive(plain_mail(phone, SUPPORT, "Re: [SUP-1] Nota recusada", "Feito."))
    assert len(story.comments("SUP-1", "comment")) == 3
    assert [n for n, to in story.told() if to == ANA[1]] == ["N1", "N5"], "nothing of her own words comes back"


def test_the_cap_on_acknowledgements_counts_what_the_main_address_gets(make_network: Any) -> None:
    """Forged mails from every address of Ana do not fill her mailbox."""
    story, ids = make_network()
    more = [f"ana{n}@celular.test" for n in range(4)]
    story.site.writer.call(lambda c: people.put_addresses(c, ids["Ana"], more, story.clock()))
    for address in more:
        story.receive(plain_mail(("Ana", address), SUPPORT, f"Nota {address}", "Erro.", verified=False))
    assert len(story.told("N1")) == 1


@pytest.mark.parametrize(
    ("preset", "who"),
    [("centrium", {"Ana", "Marta"}), ("negotti", {"Ana", "Luiz", "Caio", "Marta"}),
     ("zetti", {"Ana", "Luiz", "Caio", "Marta", "Nina"}), ("totvs", {"Ana", "Marta"}), ("provedor", {"Ana", "Marta"})],
)  # fmt: skip
def test_who_sees_and_who_may_comment_is_one_thing(make_network: Any, preset: str, who: set[str]) -> None:
    """A10: whoever sees the ticket in the portal may answer it by mail with its key, and nobody else."""
    story, ids = make_network(preset=preset)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert {name for name, one in ids.items() if story.sees(one)} == who
    for name, address in (LUIZ, CAIO, MARTA, NINA):
        done = story.receive(plain_mail((name, address), SUPPORT, "Re: [SUP-1] Nota", f"{name} escreve."))
        assert (done.key == "SUP-1") is (name in who), name
        assert customer.send_link(story.site, address, "SUP-1") is (name in who)


def test_filial_shares_a_ticket_with_a_branch_and_tells_it(make_network: Any) -> None:
    """R034, N15: `#filial` by an agent; the branch's own mailbox is told and may answer."""
    story, ids = make_network()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert story.sees(ids["Caio"]) == []
    story.agent_answers("SUP-1", "#filial loja 2\nA loja 2 tem o mesmo caso.")
    assert story.sees(ids["Caio"]) == ["SUP-1"]
    assert (story.told("N15"), story.count(TICKET_BRANCH)) == ([("N15", STORE)], 1)
    assert "shared" in story.events("SUP-1")
    done = story.receive(plain_mail(("Loja 2", STORE), SUPPORT, "Re: [SUP-1] Nota", "Aqui também."))
    assert done.key == "SUP-1"


@pytest.mark.parametrize("name", ["Loja 7", "Loja"])
def test_a_branch_that_is_none_or_two_shares_nothing(make_network: Any, name: str) -> None:
    story, _ = make_network()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    story.agent_answers("SUP-1", f"#filial {name}\nVejam.")
    assert (story.told("COMMAND_ERROR"), story.told("N5")) == ([("COMMAND_ERROR", BRUNO[1])], [])
    assert story.count(TICKET_BRANCH) == 0


def _with_cc(addresses: list[str], verified: bool = True, subject: str = "Nota recusada") -> bytes:
    raw = plain_mail(ANA, SUPPORT, subject, "Erro 656.", verified=verified)
    return raw.replace(b"Subject:", f"Cc: {', '.join(addresses)}\r\nSubject:".encode(), 1)


def test_cc_of_a_proven_mail_follows_the_ticket(make_network: Any) -> None:
    """I7: never ourselves, agents, addresses nobody reads; they have the mail, and are told of the answer."""
    story, _ = make_network()
    story.receive(_with_cc([LUIZ[1], SUPPORT, BRUNO[1], "noreply@sistema.test", ANA[1]]))
    assert story.count(PARTICIPANT) == 1
    assert LUIZ[1] not in [to for _, to in story.told()]
    story.agent_answers("SUP-1", "Instale o anexo.")
    assert ("N5", LUIZ[1]) in story.told()


def test_cc_of_an_unproven_mail_is_nobody(make_network: Any) -> None:
    story, _ = make_network()
    story.receive(_with_cc([LUIZ[1]], verified=False))
    story.agent_answers("SUP-1", "Instale o anexo.")
    assert (story.count(PARTICIPANT), [n for n, to in story.told() if to == LUIZ[1]]) == (0, [])


def test_at_most_ten_people_come_by_cc(make_network: Any) -> None:
    story, _ = make_network()
    story.receive(_with_cc([f"p{n}@cliente.test" for n in range(14)]))
    story.receive(_with_cc([f"q{n}@cliente.test" for n in range(14)], subject="Re: [SUP-1] Nota recusada"))
    assert story.count(PARTICIPANT) == 10


def test_the_bell_switches_the_news_off(make_network: Any) -> None:
    """R117: for a participant and for the requester, ticket by ticket."""
    story, ids = make_network()
    story.receive(_with_cc([LUIZ[1]]))
    ticket_id = story.ticket("SUP-1").id
    story.site.writer.call(lambda c: people.change_participant(c, ticket_id, ids["Luiz"], told=False))
    story.site.writer.call(lambda c: people.add_participant(c, ticket_id, ids["Ana"], story.clock(), told=False))
    story.agent_answers("SUP-1", "Instale o anexo.")
    assert story.told("N5") == []
    assert story.sees(ids["Luiz"]) == ["SUP-1"]


def test_a_follower_reads_and_a_contributor_answers(make_network: Any) -> None:
    """A11: chosen when added, by an agent's command; said in the mail to that person; changed by a later command."""
    story, ids = make_network()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    story.agent_answers("SUP-1", f"#seguidor {LUIZ[1]}\nInstale o anexo.")
    (follows,) = story.rows(PARTICIPANT)
    assert (follows.contributes, [to for n, to in story.told() if n == "N15"]) == (False, [LUIZ[1]])
    mail = next(m for m in story.deliver() if m.recipient == LUIZ[1])
    parsed = message_from_bytes(mail.raw, policy=default)
    said = " ".join(parsed.get_body(("plain",)).get_content().split())
    assert "para acompanhar" in said
    assert "Responda acima" not in said
    assert "abriremos um ticket novo" in said
    to_luiz = parseaddr(parsed["Reply-To"])[1]
    done = story.receive(plain_mail(LUIZ, to_luiz, "Re: [SUP-1] Nota recusada", "E a minha?"))
    assert (done.key, story.ticket("SUP-2").claims) == ("SUP-2", "SUP-1"), "not even by his own copy"
    with pytest.raises(NotAllowed, match="only follows"):
        customer.comment(story.site, story.ticket("SUP-1").id, ids["Luiz"], "E a minha?")
    story.agent_answers("SUP-1", f"#participante {LUIZ[1]}\nLuiz, pode confirmar?")
    assert story.receive(plain_mail(LUIZ, to_luiz, "Re: [SUP-1] Nota recusada", "Confirmo.")).key == "SUP-1"
    story.agent_answers("SUP-1", f"#participante {LUIZ[1]} seguidor\nObrigado.")
    assert [p.contributes for p in story.rows(PARTICIPANT)] == [False]


def test_a_customer_lets_a_colleague_follow(make_network: Any) -> None:
    """R091: from the own organisation, as follower or contributor; whoever only follows adds nobody."""
    story, ids = make_network()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    ticket_id = story.ticket("SUP-1").id
    changing.add_colleague(story.site, ticket_id, ids["Ana"], LUIZ[1], contributes=False)
    assert [p.contributes for p in story.rows(PARTICIPANT)] == [False]
    for who, whom, error in (
        ("Ana", "eva@mal.test", NotAllowed), ("Luiz", LUIZ[1], NotAllowed), ("Ana", "nobody", DataError),
        ("Ana", SUPPORT, DataError),
    ):  # fmt: skip
        with pytest.raises(error):
            changing.add_colleague(story.site, ticket_id, ids[who], whom)
    assert story.count(PARTICIPANT) == 1


def test_who_only_follows_opens_a_ticket_of_his_own(make_network: Any) -> None:
    """A11: a follower reads; what he writes is not added."""
    story, ids = make_network()
    story.receive(_with_cc([LUIZ[1]]))
    ticket_id = story.ticket("SUP-1").id
    story.site.writer.call(lambda c: people.change_participant(c, ticket_id, ids["Luiz"], contributes=False))
    done = story.receive(plain_mail(LUIZ, SUPPORT, "Re: [SUP-1] Nota", "E a minha?"))
    assert (done.key, story.ticket("SUP-2").claims) == ("SUP-2", "SUP-1")


def test_whoever_may_not_open_tickets_is_held(make_network: Any) -> None:
    story, ids = make_network()
    story.site.writer.call(lambda c: people.change_contact(c, ids["Luiz"], may=["answer"]))
    held = story.receive(plain_mail(LUIZ, SUPPORT, "Nota", "Erro."))
    assert (str(held.outcome), story.journal(held.journal_id).reason) == ("held", "rule")
    assert story.resume(held.journal_id, "released")[-1].key == "SUP-1"


def test_the_tier_of_an_organisation_sets_the_priority_of_a_call(make_network: Any, tmp_path: Any) -> None:
    """R014, R136, A14: the phone line of prime customers; one rule, by mail and by phone alike."""
    (tmp_path / "rules.yaml").write_text(
        "rules:\n- name: prime\n  when: ticket_opened\n  if: {tier: prime}\n  then: {priority: high}\n"
    )
    story, ids = make_network()

    def raised(connection: Any) -> None:
        row = people.contact(connection, ids["Ana"])
        people.change_organisation(connection, row.organisation_id, tier="prime")

    story.site.writer.call(raised)
    call = customer.open_ticket(
        story.site, ANA[1], "", "Sem acesso", "Ligou às 10h.", BRUNO[1], channel=Channel.PHONE
    )  # fmt: skip
    ticket = story.ticket(call.key)
    assert (ticket.channel, ticket.priority, ticket.requester_id) == ("phone", "high", ids["Ana"])
    assert story.told() == [("N2", ANA[1])]
    assert story.sees(ids["Marta"]) == [call.key]
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert story.ticket("SUP-2").priority == "high"


@pytest.mark.parametrize(
    ("guests", "outcome", "told"),
    [
        ("yes", "opened", [("N1", "novo@fora.test"), ("N19", BRUNO[1])]),
        ("held", "held", []),
        ("rejected", "rejected", [("N20", "novo@fora.test")]),
    ],
)
def test_unknown_senders(
    make_network: Any, guests: str, outcome: str, told: list[tuple[str, str]]
) -> None:  # fmt: skip
    """F46, R011, R012: accepted, held or rejected; whoever we know comes through by any of his addresses."""
    story, ids = make_network(guests=guests)
    done = story.receive(plain_mail(("Novo", "novo@fora.test"), SUPPORT, "Olá", "Preciso de ajuda."))
    assert (str(done.outcome), story.told()) == (outcome, told)
    unproven = story.receive(plain_mail(("Outro", "outro@fora.test"), SUPPORT, "Olá", "Oi.", verified=False))
    assert (str(unproven.outcome), ("N20", "outro@fora.test") in story.told()) == (outcome, False)
    story.site.writer.call(lambda c: people.put_addresses(c, ids["Ana"], ["ana@celular.test"], story.clock()))
    known = story.receive(plain_mail(("Ana", "ana@celular.test"), SUPPORT, "Nota", "Erro."))
    assert str(known.outcome) == "opened"


def test_the_bell_is_rung_by_whoever_may_see_the_ticket(make_network: Any) -> None:
    """R117: the requester silences it, a manager follows by it, and nobody who may not see the ticket."""
    story, _ = make_network()
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert following.set_bell(story.site, "SUP-1", ANA[1], on=False)
    assert not following.set_bell(story.site, "SUP-1", ANA[1], on=False)
    assert following.set_bell(story.site, "SUP-1", MARTA[1], on=True)
    with pytest.raises(NotAllowed):
        following.set_bell(story.site, "SUP-1", CAIO[1], on=True)
    story.agent_answers("SUP-1", "Instale o anexo.")
    assert story.told("N5") == [("N5", MARTA[1])]
    assert following.set_bell(story.site, "SUP-1", ANA[1], on=True)
    story.agent_answers("SUP-1", "E agora?")
    assert sorted(to for _, to in story.told("N5")) == [ANA[1], MARTA[1], MARTA[1]]
