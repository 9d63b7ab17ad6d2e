"""LMTP, as an MTA on the same site delivers: LHLO, and after DATA one reply for each recipient that was accepted.

One mail is one call of `accept` with all its recipients: it is durable for all or for none, and a failed commit is a
451 for each. Source: RFC 2033.
"""

from __future__ import annotations

from aiosmtpd.lmtp import LMTP

from mailgate.errors import SmtpReply
from mailgate.ingest.smtp import SmtpSession


class LmtpSession(SmtpSession, LMTP):
    """One LMTP connection; aiosmtpd has LHLO and refuses HELO and EHLO."""

    protocol_word = "LMTP"

    async def answer_data(self, reply: SmtpReply, recipients: int) -> None:
        """RFC 2033 §4.2: as many replies as recipients; 421 (we are closing) stands for all."""
        count = 1 if reply.code == 421 else recipients
        await self.send("\r\n".join([str(reply)] * count))
