"""An IMAP server that dies, refuses, renumbers and lies: every mail is taken, whole, and marked or moved only then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.authn.oauth import Grant, TokenSource
from mailgate.ingest.imap import After, Cursor, Flag, ImapAccount, Leave, Move
from mailgate.ingest.imap_session import ImapSession
from tests.faults.imap import FAULTS, IllConnection, IllImap, silent_port
from tests.integration.machine import wait_until
from tests.unit.ingest.fake_imap import FULL, FakeFolder, Hangup
from tests.unit.ingest.imap_house import HASTE, NOW, House, account_at, mail

QUICK = replace(HASTE, operation=0.4, backoff_first=0.01, backoff_last=0.02)


@pytest.fixture
def server() -> Iterator[IllImap]:
    with IllImap() as ill:
        ill.folders["Lidos"] = FakeFolder()
        yield ill


@pytest.fixture
def house() -> House:
    return House()


def account(server: IllImap, after: After | None = None, **changes: object) -> ImapAccount:
    return account_at(server, **({"timeouts": QUICK, "idle": False, "after": after or Leave()} | changes))


def is_done(server: IllImap, after: After, raw: bytes) -> bool:
    """Whether what is to happen on the server has happened to this mail."""
    with server.lock:
        there = [m for m in server.inbox.mails.values() if m.raw == raw]
        if isinstance(after, Flag):
            return all(after.keyword in m.flags for m in there)
        return not there


def dies_at(server: IllImap, house: House, after: After, places: range) -> Counter[bytes]:
    """Two mails a place, where the line is cut after so many bytes more. How often each mail was taken."""
    with house.running(account(server, after)):
        house.wait_well()
        for place in places:
            raws = [mail(f"{which}-{place}", "x" * 60) for which in "ab"]
            with server.lock:
                for raw in raws:
                    server.inbox.add(raw, NOW)
                server.budget = place
            wait_until(lambda: server.budget == 0, what=f"the death at byte {place}", every=0.001)
            server.peace()
            for raw in raws:
                wait_until(lambda r=raw: is_done(server, after, r), what=f"{place}: done", every=0.001)  # type: ignore[misc]
    wanted = {mail(f"{which}-{place}", "x" * 60) for place in places for which in "ab"}
    taken = Counter(house.raws())
    assert set(taken) == wanted, "half a mail was taken, or one was lost"
    return taken


@pytest.mark.parametrize("after", [Flag("mailgate"), Move("Lidos")], ids=["flag", "move"])
def test_the_server_dies_in_every_sort_of_place(server: IllImap, house: House, after: After) -> None:
    dies_at(server, house, after, range(3, 1300, 61))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("after", [Flag("mailgate"), Move("Lidos")], ids=["flag", "move"])
def test_the_server_dies_at_every_byte(
    server: IllImap, house: House, after: After, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = dies_at(server, house, after, range(1, 1300))
    with capsys.disabled():
        again = sum(taken.values()) - len(taken)
        print(f"\n  IMAP server died at each of 1299 bytes: {len(taken)} mails, lost 0, {again} read again")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", [Leave(), Flag("mailgate"), Move("Lidos")], ids=["leave", "flag", "move"])
def test_each_fault_at_each_command(server: IllImap, house: House, fault: str, after: After) -> None:
    """A mail a command: the fault meets the first, the second ... seventh of what is said to take it."""
    hasty = replace(QUICK, operation=0.1, retry_uid_first=0.02, retry_uid_last=0.02)
    with house.running(account(server, after, timeouts=hasty, poll=timedelta(milliseconds=20))):
        house.wait_well()
        for place in range(1 if fault == "hang" else 7):
            with server.lock:
                server.inbox.add(mail(f"m{place}"), NOW)
            server.next(*[""] * place, fault)
            wait_until(lambda p=place: len(server.met) > p, what=f"fault {place}", every=0.002)  # type: ignore[misc]
        wait_until(lambda: {mail(f"m{p}") for p in range(len(server.met))} <= set(house.raws()), what="all mails")
        for place in range(len(server.met)):
            if not isinstance(after, Leave):
                wait_until(lambda p=place: is_done(server, after, mail(f"m{p}")), what=f"m{place}, done")  # type: ignore[misc]
        wait_until(lambda: house.folder_health().well and not house.cursor().pending, what="a mailbox that is well")


def test_a_new_numbering_in_the_middle_moves_nothing_by_the_old_numbers(server: IllImap, house: House) -> None:
    """The connection lives on, against the RFC: UID 3 was one mail when it was read and is another when it is moved."""
    for n in range(4):
        server.inbox.add(mail(f"m{n}"), NOW)
    accept = house.accept

    def renumbering(received: object) -> str:
        if len(house.taken) == 2:
            server.inbox.add(mail("late"), NOW)
            with server.lock:
                last = server.inbox.mails.pop(max(server.inbox.mails))
                server.inbox.mails = {1: last, **{u + 1: m for u, m in server.inbox.mails.items()}}
                server.inbox.uidnext += 1
            server.inbox.uidvalidity += 1
        return accept(received)  # type: ignore[arg-type]

    house.accept = renumbering  # type: ignore[method-assign]
    with house.running(account(server, Move("Lidos"))):
        wait_until(lambda: len(server.folders["Lidos"].mails) == 5, what="all moved")
    assert {m.raw for m in server.folders["Lidos"].mails.values()} == set(house.raws()), "one was moved and never taken"


@pytest.mark.parametrize("since", ["now", "all"])
def test_a_folder_that_was_deleted_and_made_again_in_one_second(server: IllImap, house: House, since: str) -> None:
    """UIDs begin at 1 under the same UIDVALIDITY, below what was read: RFC 9051 §2.3.1.1 forbids it."""
    with house.running(account(server, since=since)):
        house.wait_well()
        for n in range(5):
            server.deliver(mail(f"m{n}"), NOW)
        house.wait_taken(5)
        server.make_anew()
        server.deliver(mail("new"), NOW)
        house.wait_taken(6)
        server.deliver(mail("newer"), NOW)
        house.wait_taken(7)
    assert Counter(house.raws()) == Counter(mail(s) for s in ("m0", "m1", "m2", "m3", "m4", "new", "newer"))


def test_a_server_that_says_uidnext_wrongly_is_not_read_anew_each_time(server: IllImap, house: House) -> None:
    def lies(c: IllConnection, tag: str, args: str) -> bool:
        c.folder = args.strip('"')
        c.say(f"* {len(c.at().mails) + 7} EXISTS")
        c.say(f"* OK [UIDVALIDITY {c.at().uidvalidity}] valid\r\n* OK [UIDNEXT 1] next")
        c.ok(tag)
        return True

    server.moods["EXAMINE"] = lies  # type: ignore[assignment]
    for n in range(3):
        server.inbox.add(mail(f"m{n}"), NOW)
    with house.running(account(server)):
        house.wait_last(3)
        for n in range(3, 6):
            server.deliver(mail(f"m{n}"), NOW)
            house.wait_last(n + 1)
        looked = server.seen["UID SEARCH"]
        wait_until(lambda: server.seen["UID SEARCH"] > looked + 4, what="more looks")
    assert house.raws() == [mail(f"m{n}") for n in range(6)]


@pytest.mark.parametrize("after", [Leave(), Flag("mailgate"), Move("Lidos")], ids=["leave", "flag", "move"])
def test_a_server_that_renumbers_at_every_look(server: IllImap, house: House, after: After) -> None:
    """The journal is not filled with what it has: it is asked."""
    house.asked = True

    def anew(c: IllConnection, tag: str, args: str) -> bool:
        if c.folder != args.strip('"'):  # at the first look of each connection, or as here, of each other one
            server.inbox.renumber(server.inbox.uidvalidity + 1)
        return False

    server.moods |= {"SELECT": anew, "EXAMINE": anew}  # type: ignore[dict-item]
    with house.running(account(server, after)):
        house.wait_well()
        for n in range(6):
            server.deliver(mail(f"m{n}"), NOW)
            house.wait_taken(n + 1)
            server.cut()
        looks = len(server.connections)
        for _ in range(3):
            wait_until(lambda seen=looks: len(server.connections) > seen, what="another look")  # type: ignore[misc]
            looks = len(server.connections)
            house.wait_well()
            server.cut()
        house.wait_well()
    assert Counter(house.raws()) == Counter(mail(f"m{n}") for n in range(6))


class _Unsteady:
    """A server that says another UIDVALIDITY whenever a folder is opened. renumbers: it means it, all UIDs change."""

    def __init__(self, server: IllImap, renumbers: bool) -> None:
        self._server, self._renumbers = server, renumbers
        self.fetched: Counter[bytes] = Counter()
        server.moods |= {"SELECT": self._anew, "EXAMINE": self._anew, "UID FETCH": self._counted}  # type: ignore[dict-item]

    def _anew(self, c: IllConnection, tag: str, args: str) -> bool:
        folder = self._server.folders[args.strip('"')]
        if self._renumbers:
            folder.renumber(folder.uidvalidity + 1, first=1 + folder.uidvalidity % 7)
        else:
            folder.uidvalidity += 1
        return False

    def _counted(self, c: IllConnection, tag: str, args: str) -> bool:
        if "BODY.PEEK" in args:
            self.fetched.update(c.at().mails[uid].raw for uid in c._uids(args.partition(" ")[0]))
        return False


_LATER = [
    pytest.param(after, renumbers, since, marks=pytest.mark.long)
    for after in (Leave(), Flag("mailgate"), Move("Lidos"))
    for renumbers in (False, True)
    for since in ("now", "all")
]


@pytest.mark.parametrize(
    ("after", "renumbers", "since"),
    [(Leave(), True, "now"), (Flag("mailgate"), False, "all"), (Move("Lidos"), True, "now"), *_LATER],
)
def test_a_server_whose_numbers_never_last(
    server: IllImap, house: House, after: After, renumbers: bool, since: str
) -> None:
    """Every mail is taken once and marked or moved, checked by its bytes; nothing is fetched again at each look."""
    house.asked = True
    unsteady = _Unsteady(server, renumbers)
    raws = [mail(f"m{n}") for n in range(60)]
    poll = timedelta(milliseconds=5)
    with house.running(account(server, after, poll=poll, since=since)):
        house.wait_well()
        with server.lock:
            for number, raw in enumerate(raws[:-1]):  # many of one size and second: only their bytes differ
                server.inbox.add(raw, NOW + timedelta(seconds=number // 40))
        wait_until(lambda: set(raws[:-1]) <= set(house.raws()), what="all mails")
        if not isinstance(after, Leave):
            wait_until(lambda: all(is_done(server, after, raw) for raw in raws[:-1]), what="all marked")
        quiet = server.seen["UID SEARCH"]
        wait_until(lambda: server.seen["UID SEARCH"] > quiet + 6, what="a few more looks")
        before = sum(unsteady.fetched.values())
        quiet = server.seen["UID SEARCH"]
        wait_until(lambda: server.seen["UID SEARCH"] > quiet + 10, what="many more looks")
        assert sum(unsteady.fetched.values()) == before, "mail that is known is fetched at every look"
        server.deliver(raws[-1], NOW)
        wait_until(lambda: raws[-1] in house.raws(), what="a new mail")
        if not isinstance(after, Leave):
            wait_until(lambda: is_done(server, after, raws[-1]), what="the new one marked")
        assert house.folder_health().unsteady
        assert house.folder_health().well
    assert Counter(house.raws()) == Counter(raws)
    if isinstance(after, Move):
        assert Counter(m.raw for m in server.folders["Lidos"].mails.values()) == Counter(raws)


def test_a_server_whose_clock_is_behind_and_all_uids_change(server: IllImap, house: House) -> None:
    """What came after the first start is older than it by the server's clock, and not taken yet when all change."""
    server.inbox.add(mail("old"), NOW - timedelta(hours=3))
    reads = account(server, since="now")
    with house.running(reads):
        house.wait_well()
    server.inbox.add(mail("new"), NOW - timedelta(minutes=2))
    server.renumber()
    with house.running(reads):
        house.wait_well()
        house.wait_taken(1)
    assert house.raws() == [mail("new")]


def test_an_empty_folder_at_the_first_start_and_dates_that_mean_nothing(server: IllImap, house: House) -> None:
    reads = account(server, since="now")
    with house.running(reads):
        house.wait_well()
        server.deliver(mail("one"), NOW - timedelta(days=900))
        house.wait_taken(1)
    server.inbox.add(mail("two"), NOW - timedelta(days=900))
    server.renumber()
    with house.running(reads):
        house.wait_taken(3)
        house.wait_well()
    assert set(house.raws()) == {mail("one"), mail("two")}
    assert [received.origin.get("renumbered") for received in house.taken] == [None, 1, 1]


def test_a_server_that_forgets_who_waits(server: IllImap, house: House) -> None:
    """IDLE is granted, and nothing is ever said."""

    def forgets(c: IllConnection, tag: str, args: str) -> bool:
        c.say("+ idling")
        c._line()
        c.ok(tag)
        return True

    server.moods["IDLE"] = forgets  # type: ignore[assignment]
    with house.running(account(server, idle=True)):
        wait_until(lambda: server.seen["IDLE"], what="IDLE")
        server.inbox.add(mail(), NOW)
        house.wait_taken(1)


@pytest.mark.parametrize(("says", "end"), [(-9, b"\r\n"), (-8, b""), (9, b"\r\n"), (9, b"")])
def test_a_mail_whose_length_is_said_wrongly_is_not_taken_cut(
    server: IllImap, house: House, says: int, end: bytes
) -> None:
    server.inbox.add(mail("liar", "palavra " * 20 + "fim de tudo").rstrip() + end, NOW)
    server.inbox.add(mail("honest"), NOW)

    def lies(c: IllConnection, tag: str, args: str) -> bool:
        if "BODY" not in args or args.partition(" ")[0] not in ("1", "1,2", "1:2"):
            return False
        raw = server.inbox.mails[1].raw
        c.raw(f"* 1 FETCH (UID 1 BODY[] {{{len(raw) + says}}}\r\n".encode() + raw + b")\r\n")
        c.ok(tag)
        return True

    server.moods["UID FETCH"] = lies  # type: ignore[assignment]
    with house.running(account(server)):
        house.wait_taken(1)
        wait_until(lambda: house.folder_health().stuck == (1,), what="UID 1 stuck")
    assert house.raws() == [mail("honest")]


def test_mails_in_another_order_and_with_mails_nobody_asked_for(server: IllImap, house: House) -> None:
    for n in range(5):
        server.inbox.add(mail(f"m{n}"), NOW)

    def shuffled(c: IllConnection, tag: str, args: str) -> bool:
        which, _, items = args.partition(" ")
        body = "BODY" in items
        for uid in sorted(c._uids(which), reverse=True):
            c.say("* 77 EXPUNGE\r\n* 3 EXISTS\r\n* FLAGS (x)")
            c.say_mail(uid, body)
        if body:
            c.raw(b"* 9 FETCH (UID 900 BODY[] {5}\r\nother)\r\n")
        c.ok(tag)
        return True

    server.moods["UID FETCH"] = shuffled  # type: ignore[assignment]
    with house.running(account(server)):
        house.wait_last(5)
    assert house.raws() == [mail(f"m{n}") for n in range(5)]


def test_a_full_mailbox_that_forbids_every_move_takes_mail_all_the_same(
    server: IllImap, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailgate.ingest.imap_folder.MAX_FAILING", 3)
    server.moods["UID MOVE"] = lambda c, tag, args: c.no(tag, "[OVERQUOTA] no room")
    for n in range(8):
        server.inbox.add(mail(f"m{n}"), NOW)
    with house.running(account(server, Move("Lidos"))):
        house.wait_taken(8)
        wait_until(lambda: len(house.folder_health().stuck) == 8, what="eight that stay")
        server.peace()
        wait_until(lambda: not server.inbox.mails, what="all moved")
    assert Counter(house.raws()) == Counter(mail(f"m{n}") for n in range(8)), "taken twice"


def test_folders_below_a_prefix(server: IllImap, house: House) -> None:
    """Servers that keep every folder below INBOX. refuse others; the admin's `Lidos` is what his client shows."""
    server.capabilities = f"{FULL} NAMESPACE"
    server.folders["INBOX.Vendas"] = FakeFolder()
    del server.folders["Lidos"]

    def where(c: IllConnection, tag: str, args: str) -> bool:
        c.say('* NAMESPACE (("INBOX." ".")) NIL NIL')
        c.ok(tag)
        return True

    def create(c: IllConnection, tag: str, args: str) -> bool:
        return False if args.startswith('"INBOX.') else c.no(tag, "[CANNOT] outside INBOX.")

    server.moods |= {"NAMESPACE": where, "CREATE": create}  # type: ignore[dict-item]
    server.inbox.add(mail("one"), NOW)
    server.folders["INBOX.Vendas"].add(mail("two"), NOW)
    with house.running(account(server, Move("Lidos"), folders=("INBOX", "Vendas"))):
        wait_until(lambda: len(getattr(server.folders.get("INBOX.Lidos"), "mails", ())) == 2, what="both moved")
    assert set(house.raws()) == {mail("one"), mail("two")}


ODD = {
    b'"Com espa&AOc-o"': "Com espaço",
    b'"diz \\"oi\\" e \\\\"': 'diz "oi" e \\',
    b"2024": "2024",
    b"{7}\r\nA (b) *": "A (b) *",
    b'"&AAo-"': "\n",
    b'"&9999999-x&-"': None,
    b"Entw&APw-rfe": "Entwürfe",
}


def test_names_of_folders_that_are_odd_or_harmful_hinder_nobody(server: IllImap) -> None:
    def lists(c: IllConnection, tag: str, args: str) -> bool:
        for name in ODD:
            c.raw(b'* LIST (\\HasNoChildren) "/" ' + name + b"\r\n")
        c.raw(b'* LIST (\\Noselect) NIL "up"\r\n')
        c.ok(tag)
        return True

    server.moods["LIST"] = lists  # type: ignore[assignment]
    server.moods["EXAMINE"] = lambda c, tag, args: c.no(tag)
    with ImapSession(account(server), time.monotonic) as session:
        names = session.folders()
        assert set(filter(None, ODD.values())) <= set(names)
        assert len(names) == len(ODD)
        for name in names:
            with pytest.raises(Exception, match=r"select failed|control characters"):
                session.select(name, readonly=True)
    assert [line for line in server.commands if line.startswith("EXAMINE")] == [
        'EXAMINE "Com espa&AOc-o"', r'EXAMINE "diz \"oi\" e \\"', 'EXAMINE "2024"', 'EXAMINE "A (b) *"',
        'EXAMINE "&-9999999-x&--"', 'EXAMINE "Entw&APw-rfe"',
    ]  # fmt: skip


def test_a_folder_that_one_connection_refuses_and_the_next_serves(server: IllImap, house: House) -> None:
    """Dovecot, its index lost under an open session, says so for as long as that session lasts."""
    server.inbox.add(mail("one"), NOW)
    lost: list[object] = []

    def refuses(c: IllConnection, tag: str, args: str) -> bool:
        return c in lost and c.no(tag, "Mailbox was deleted under us")

    server.moods["EXAMINE"] = refuses  # type: ignore[assignment]
    with house.running(account(server)):
        house.wait_last(1)
        house.wait_well()
        lost.extend(server.connections)
        server.inbox.add(mail("two"), NOW)
        house.wait_last(2)


def test_a_connection_that_brought_mail_was_no_failure(server: IllImap, house: House) -> None:
    """One that breaks at each second mail would else wait longer and longer, to five minutes, with mail to be had."""
    for n in range(24):
        server.inbox.add(mail(f"m{n}"), NOW)

    def breaks(c: IllConnection, tag: str, args: str) -> bool:
        if "BODY" in args:
            server.seen["bodies"] += 1
            if server.seen["bodies"] % 2 == 0:
                raise Hangup
        return False

    server.moods["UID FETCH"] = breaks  # type: ignore[assignment]
    slow = replace(QUICK, backoff_first=0.02, backoff_last=60.0)
    with house.running(account(server, timeouts=slow)):
        house.wait_last(24)
    assert Counter(house.raws()) == Counter(mail(f"m{n}") for n in range(24))


def test_a_token_that_is_refused_before_its_time_is_not_offered_again(server: IllImap, house: House) -> None:
    server.tokens = {"fresh"}
    given = iter(["revoked", "fresh"])
    tokens = TokenSource(lambda: Grant(next(given), 3600.0))
    server.inbox.add(mail(), NOW)
    with house.running(account(server, password="", token=tokens.token, refused_token=tokens.forget)):
        house.wait_last(1)
    assert server.seen["AUTHENTICATE"] == 2
    assert tokens.well
    assert 3500 < (tokens.expires_in or 0.0) <= 3600


def test_other_mailboxes_go_on_while_several_are_ill(server: IllImap, house: House) -> None:
    """One that hangs, one that floods, one that drops, one that says no: the well one is read meanwhile."""
    listener, port = silent_port()
    with listener, IllImap() as floods, IllImap() as drops, IllImap() as refuses:

        def flood(c: IllConnection, tag: str, args: str) -> bool:
            while True:
                c.raw(b"* 1 EXISTS\r\n" * 500)

        floods.moods["UID SEARCH"] = flood  # type: ignore[assignment]
        drops.budget = 40
        refuses.passwords = {}
        ill = {"floods": floods, "drops": drops, "refuses": refuses}
        accounts = [replace(account(one), name=name) for name, one in ill.items()]
        accounts.append(replace(account(server), name="hangs", port=port))
        with house.running(*accounts, account(server)):
            for n in range(20):
                server.deliver(mail(f"m{n}"), NOW)
                house.wait_taken(n + 1)
            for one in accounts:
                wait_until(lambda n=one.name: house.folder_health(n).failing_since, what=f"{one.name}, named")  # type: ignore[misc]
            assert house.folder_health().well
            floods.peace()
            wait_until(lambda: house.folder_health("floods").well, what="the one that is well again")


def test_a_cursor_of_an_earlier_version_goes_on(server: IllImap, house: House) -> None:
    house.cursors.put("suporte", "INBOX", Cursor(999, 7, NOW))
    server.inbox.add(mail("before"), NOW - timedelta(hours=1))
    server.inbox.add(mail("after"), NOW)
    with house.running(account(server, since="now")):
        house.wait_taken(1)
        house.wait_well()
    assert house.raws() == [mail("after")]
