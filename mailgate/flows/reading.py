"""Step 4 of the line: bytes → what mailgate knows of a mail, in a process without database. Total.

Joins `mail` (structure, text, kind) and `authn` (who sent it), which know nothing of each other. Files are stored as
blobs here, so that their bytes do not travel back; what is stored and not wanted is swept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass, replace

from mailgate.authn.resolver import Resolver
from mailgate.authn.results import AuthResults
from mailgate.authn.verify import verify
from mailgate.links.tokens import Mint
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Bounce, ParsedMessage, Screening
from mailgate.mail.parse import read_mail
from store.blobs import Blobs
from store.vocabulary import Road

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class ReadJob:
    """What is needed to read one mail. raw None: the bytes are the blob `raw_sha256`."""

    raw: bytes | None
    raw_sha256: str
    size_bytes: int
    road: str
    peer: str
    helo: str
    mail_from: str
    list_id: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A mail as read: attachments are stored blobs, their content is empty."""

    message: ParsedMessage
    screening: Screening
    bounce: Bounce | None
    auth: AuthResults
    over_limit: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads mails under one configuration.

    trusted, trusted_sealers: see `verify`. relays: networks of our own mail servers beside the private ones.
    """

    limits: MailLimits
    mint: Mint
    blobs: Blobs
    resolver: Resolver
    trusted: Collection[str]
    trusted_sealers: Collection[str] = ()
    relays: tuple[Network, ...] = ()
    dns_seconds: float = 1.5

    def read(self, job: ReadJob) -> Reading:
        """Read one mail. Raises only what the disk raises (OSError): a later try may help."""
        raw = job.raw if job.raw is not None else self.blobs.get(job.raw_sha256)
        mail = read_mail(
            raw,
            self.limits,
            mail_from=job.mail_from,
            own_domains_ids=lambda message_id: self.mint.read_message_id(message_id) is not None,
            list_id=job.list_id,
        )
        auth = AuthResults(reason="not looked at: over a limit")
        if not mail.over_limit:
            author = mail.message.author
            froms = sum(1 for name, _ in mail.message.headers if name.lower() == "from")
            auth = verify(
                raw,
                peer=job.peer if job.road == Road.SMTP else "",
                helo=job.helo,
                mail_from=job.mail_from,
                author_domain=author.domain if author else None,
                headers_from_count=froms,
                resolver=self.resolver,
                trusted=self.trusted,
                trusted_sealers=self.trusted_sealers,
                trusted_hop=self._is_by_ours(job),
                dns_seconds=self.dns_seconds,
            )
        return Reading(self._stored(mail.message, mail.over_limit), mail.screening, mail.bounce, auth, mail.over_limit)

    def _stored(self, message: ParsedMessage, over_limit: str) -> ParsedMessage:
        if over_limit or not message.attachments:
            return message
        for file in message.attachments:
            self.blobs.put(file.content, file.sha256)
        return replace(message, attachments=tuple(replace(file, content=b"") for file in message.attachments))

    def _is_by_ours(self, job: ReadJob) -> bool:
        """Whether a server of the site can have handed the mail in: only then are its Authentication-Results read
        (RFC 8601 §5). On the submission port it is an agent's own program, which may write what it likes."""
        if job.road == Road.SUBMISSION:
            return False
        return job.road != Road.SMTP or self._is_near(job.peer)

    def _is_near(self, peer: str) -> bool:
        """Whether a peer can be the site's own server."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return True  # no peer: a pipe or a unix socket
        return address.is_private or address.is_loopback or any(address in network for network in self.relays)
