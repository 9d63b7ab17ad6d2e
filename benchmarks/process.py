"""(b) From a mail's last octet to its committed ticket and its notices at the relay, with the whole program running.

`mailgate serve` with all roles, its workers as they come, DKIM with RSA-2048, a relay and a DNS server on loopback as
processes of their own. First some tickets are opened, unmeasured, so that there are acknowledgements to reply to. Then
the mix is sent as fast as it is accepted, and once more at a steady rate that leaves air, which says how long one mail
takes when nothing waits before it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select

from benchmarks import far, mix
from benchmarks.mix import Acknowledged, Kind
from benchmarks.running import SUPPORT, Cost, Installation, send
from benchmarks.sender import write_load
from store.engine import Database
from store.tables import JOURNAL, OUTBOX
from store.vocabulary import OutboxState, Outcome

_PATIENCE = 900.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. Rates in mails a second, `cpu` in ms a mail, latencies in ms from the 250, memory in MB."""

    database: str
    mails: int
    megabytes: float
    connections: int
    offered_rate: float
    accepted_rate: float
    ticket_rate: float
    notice_rate: float
    notices: int
    signed: int
    replies: int
    comments: int
    other_outcomes: dict[str, int]
    cpu: float
    cpu_main: float
    cpu_workers: float
    cpu_database: float | None
    committed_p50: float
    committed_p99: float
    rendered_p50: float
    rendered_p99: float
    memory_main: float
    memory_workers: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent."""

    mails: int = 2000
    openings: int = 100
    connections: int = 10
    rate: float = 0.0
    seed: int = 1


class Bench:
    """Runs on one serving installation."""

    def __init__(self, place: Installation, name: str, database_cpu: Callable[[], float | None]) -> None:
        self._place = place
        self._name = name
        self._database_cpu = database_cpu
        self._database = place.database()
        self._acknowledged: list[Acknowledged] = []

    def close(self) -> None:
        self._database.close()

    @property
    def acknowledged(self) -> list[Acknowledged]:
        """What `open_tickets` brought: mails of ours that can be answered."""
        return self._acknowledged

    def open_tickets(self, plan: Plan) -> None:
        """The tickets that replies go to; keeps their acknowledgements."""
        before = far.count_taken(self._place.taken)
        since = datetime.now(UTC)
        load = self._place.home / "load"
        write_load(load, mix.opening(plan.openings, plan.seed + 1_000_000, SUPPORT))
        send(self._place.port, plan.connections, 0.0, load)
        self._settle(since, plan.openings)
        taken = far.read_taken(self._place.taken, before)
        self._acknowledged = [t.acknowledged for t in taken if t.automatic and t.to.startswith("customer")]
        if len(self._acknowledged) != plan.openings:
            raise SystemExit(
                f"{plan.openings} mails were acknowledged {len(self._acknowledged)} times: {self._outcomes(since)}"
                f"\n{self._held(since)}\n{self._place.log_tail()}"
            )

    def measure(self, plan: Plan) -> Measured:
        """Send the mix and wait until everything has left."""
        load = self._place.home / "load"
        counts = write_load(load, mix.mixed(plan.mails, plan.seed, SUPPORT, self._acknowledged))
        skip = far.count_taken(self._place.taken)
        since, before, database_before = datetime.now(UTC), self._place.cost(), self._database_cpu()
        sent = send(self._place.port, plan.connections, plan.rate, load)
        self._settle(since, plan.mails)
        after, database_after = self._place.cost(), self._database_cpu()
        load.unlink()
        used = None if database_before is None or database_after is None else database_after - database_before
        return self._report(plan, counts, since, sent, skip, (before, after), used)

    def _settle(self, since: datetime, mails: int) -> None:
        """Wait until this many mails are decided and nothing is left to send."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if open_mails(self._database, since) == (mails, 0, 0):
                return
            time.sleep(0.2)
        left = open_mails(self._database, since)
        raise SystemExit(f"not done in {_PATIENCE:g} s: {left} in journal, pending, to send\n{self._place.log_tail()}")

    def _outcomes(self, since: datetime) -> dict[str, int]:
        c = JOURNAL.c
        query = select(c.outcome, func.count()).where(c.received_at >= since).group_by(c.outcome)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _held(self, since: datetime) -> list[str]:
        """Why mails were set aside, each reason once."""
        c = JOURNAL.c
        query = select(c.reason, c.detail).where(c.received_at >= since, c.outcome == Outcome.HELD).distinct().limit(5)
        with self._database.read() as connection:
            return [f"{row[0]}: {row[1]}" for row in connection.execute(query)]

    def _report(
        self, plan: Plan, counts: dict[str, int], since: datetime, sent: dict[str, float], skip: int,
        cost: tuple[Cost, Cost], database_cpu: float | None,
    ) -> Measured:  # fmt: skip
        began = sent["began"]
        committed, last_ticket = self._committed(since)
        rendered = self._rendered(since)
        taken = list(far.read_taken(self._place.taken, skip))
        outcomes = self._outcomes(since)
        before, after = cost
        main, workers = after.main_cpu - before.main_cpu, after.other_cpu - before.other_cpu
        each = 1000 / plan.mails
        usual = (Outcome.OPENED, Outcome.COMMENTED)
        return Measured(
            database=self._name,
            mails=plan.mails,
            megabytes=counts["bytes"] / 1e6,
            connections=plan.connections,
            offered_rate=plan.rate,
            accepted_rate=plan.mails / (sent["ended"] - began),
            ticket_rate=plan.mails / (last_ticket - began),
            notice_rate=plan.mails / (max(t.at for t in taken) - began),
            notices=len(taken),
            signed=sum(t.signed for t in taken),
            replies=counts.get(Kind.REPLY, 0),
            comments=outcomes.get(Outcome.COMMENTED, 0),
            other_outcomes={name: n for name, n in outcomes.items() if name not in usual},
            cpu=(main + workers) * each,
            cpu_main=main * each,
            cpu_workers=workers * each,
            cpu_database=None if database_cpu is None else database_cpu * each,
            committed_p50=percentile(committed, 50),
            committed_p99=percentile(committed, 99),
            rendered_p50=percentile(rendered, 50),
            rendered_p99=percentile(rendered, 99),
            memory_main=after.main_peak / 1e6,
            memory_workers=after.other_peak / 1e6,
        )

    def _committed(self, since: datetime) -> tuple[list[float], float]:
        """Milliseconds from accepted to decided, of each mail; and when the last was decided, in seconds since 1970."""
        query = select(JOURNAL.c.received_at, JOURNAL.c.settled_at).where(JOURNAL.c.received_at >= since)
        with self._database.read() as connection:
            rows = [(aware(row[0]), aware(row[1])) for row in connection.execute(query)]
        return [(b - a).total_seconds() * 1000 for a, b in rows], max(b for _, b in rows).timestamp()

    def _rendered(self, since: datetime) -> list[float]:
        """Milliseconds from accepted to the first try of each notice that the mail gave rise to."""
        query = (
            select(JOURNAL.c.received_at, OUTBOX.c.first_try_at)
            .select_from(OUTBOX.join(JOURNAL, JOURNAL.c.id == OUTBOX.c.journal_id))
            .where(JOURNAL.c.received_at >= since)
        )
        with self._database.read() as connection:
            return [(aware(r[1]) - aware(r[0])).total_seconds() * 1000 for r in connection.execute(query) if r[1]]


def open_mails(database: Database, since: datetime | None = None) -> tuple[int, int, int]:
    """Mails accepted since then, all that are not decided, and all notices that have not left.

    The first is 0 as long as one of the others is not: it is dear to count, and nobody needs it before.
    """
    journal, outbox = JOURNAL.c, OUTBOX.c
    sending = (OutboxState.WAITING, OutboxState.SENDING)
    with database.read() as connection:
        ask = connection.scalar
        pending = ask(select(func.count()).where(journal.outcome == Outcome.PENDING)) or 0
        to_send = ask(select(func.count()).where(outbox.state.in_(sending))) or 0
        known = 0
        if since is not None and not pending and not to_send:
            known = ask(select(func.count()).where(journal.id >= id_at(since), journal.received_at >= since)) or 0
    return known, pending, to_send


def id_at(at: datetime) -> int:
    """No id made after `at` is smaller (`store/ids.py`)."""
    return (int(at.timestamp() * 1000) & ((1 << 41) - 1)) << 22


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent do not exceed; 0.0 of nothing."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def aware(at: datetime) -> datetime:
    """SQLite hands instants back without their zone."""
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def run(place: Installation, name: str, plan: Plan, database_cpu: Callable[[], float | None]) -> list[Measured]:
    """The mix at full speed, then at a steady rate with air."""
    with place.serving():
        bench = Bench(place, name, database_cpu)
        try:
            bench.open_tickets(plan)
            fast = bench.measure(plan)
            calm_rate = max(1.0, round(fast.notice_rate / 3))
            calm = Plan(max(50, plan.mails // 4), plan.openings, plan.connections, calm_rate, plan.seed + 1)
            return [fast, bench.measure(calm)]
        finally:
            bench.close()


def no_cpu() -> None:
    """SQLite works inside the program."""
    return
