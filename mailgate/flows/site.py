"""What a flow needs to know of the configuration, as values; `app` builds it from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from mailgate.clock import Clock
from mailgate.companyfiles import Quote, Survey
from mailgate.decide.facts import Policy
from mailgate.decide.ruling import Book
from mailgate.knowledge.base import KnowledgeBase
from mailgate.links.tokens import Mint
from mailgate.mail.support import SupportAddress, find_support_address
from mailgate.notify.views import CompanyView
from scheduler.lease import Peers
from store.blobs import Blobs
from store.ids import IdSource
from store.vocabulary import Notice
from store.writer import Writer


@dataclass(frozen=True, slots=True)
class SlaQuery:
    """What a due date depends on."""

    priority: str
    topic: str
    department: str


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long links open."""

    access: timedelta = timedelta(days=30)
    one_use: timedelta = timedelta(days=7)
    session: timedelta = timedelta(hours=12)
    reset: timedelta = timedelta(hours=1)
    enter: timedelta = timedelta(minutes=30)
    survey: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DigestTime:
    """From which hour on (company's clock), on which weekdays (Monday is 0), a mail of the calendar leaves."""

    hour: int = 8
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class DigestTimes:
    """When each mail of the calendar leaves. managers, weekly: on one day of the week."""

    agents: DigestTime = DigestTime(days=frozenset(range(5)))
    held: DigestTime = DigestTime()
    managers: DigestTime = DigestTime(days=frozenset({0}))
    weekly: DigestTime = DigestTime(days=frozenset({0}))
    contacts: DigestTime | None = DigestTime()  # once a quarter; None: nobody is asked


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a mail is tried again."""

    intervals: tuple[timedelta, ...]
    give_up: timedelta


@dataclass(frozen=True, slots=True)
class Site:
    """One company. Frozen but for `book`, which answers with the rules in force at that moment."""

    clock: Clock
    writer: Writer
    blobs: Blobs
    ids: IdSource
    mint: Mint
    book: Callable[[], Book]
    due_at: Callable[[datetime, SlaQuery], datetime | None]
    due_in: Callable[[datetime, str], datetime]  # an amount of working time (`4h`, `1bd`) after an instant
    timer_at: Callable[[datetime, str], datetime]
    random: Callable[[], float]
    addresses: tuple[SupportAddress, ...]
    policy: Policy
    company: CompanyView
    key_label: str
    base_url: str
    host: str
    timezone: str
    department_labels: Callable[[str, str], str]
    sends: Callable[[Notice], bool]
    default_topic: Callable[[], str]
    null_sender: bool
    node: str
    after_pause: Callable[[datetime, datetime, datetime], datetime]
    next_check_at: Callable[[datetime, SlaQuery], datetime | None]
    retry: RetryPolicy
    lifetimes: Lifetimes = Lifetimes()
    digests: DigestTimes = DigestTimes()
    quoted: Callable[[], Quote] = Quote
    survey: Callable[[], Survey] = Survey
    attach_bytes: Callable[[], int] = lambda: 10 * 1024 * 1024
    tries: int = 3  # failures of ours with one mail before it is held
    late_after: timedelta = timedelta(hours=4)  # a mail out that waits so long is told to the agents
    channels: frozenset[str] = frozenset()  # by what besides mail people can be told
    knowledge: KnowledgeBase = field(default_factory=KnowledgeBase)
    peers: Peers = field(default_factory=Peers)  # the other nodes on the same database
    whatsapp_too: Callable[[], tuple[str, ...]] = tuple  # notices of a new ticket that go by it
    others: Callable[[Book], Mapping[str, Any]] = lambda book: {}  # what else was read with a book, as fields of this

    def pinned(self) -> Site:
        """The same with the rules in force now, for the whole of one mail or action, whatever is reloaded meanwhile.

        Calendar, targets and notices are those that were read with the rules.
        """
        book = self.book()
        return replace(self, **({"book": lambda: book} | dict(self.others(book))))

    def support_address(self, address: str) -> tuple[SupportAddress, str] | None:
        """The support address that a recipient is, and what stands after its plus; None when it is not ours."""
        return find_support_address(self.addresses, address)

    def is_ours(self, address: str) -> bool:
        """Whether a recipient is ours: a support address, plain, or with a part after the plus."""
        return self.support_address(address) is not None

    def own(self, address: str) -> SupportAddress:
        """The support address of that name, or the first one (an address that was taken out of the settings)."""
        return next((a for a in self.addresses if a.address == address), self.addresses[0])

    def key(self, number: int) -> str:
        """`SUP-123`."""
        return f"{self.policy.key_prefix}-{number}"

    def link(self, token: str) -> str:
        """The URL of an access link."""
        return f"{self.base_url}/t/{token}"
