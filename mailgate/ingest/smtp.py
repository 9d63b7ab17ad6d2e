"""What an SMTP session does with each command, and the promise: 250 only after `accept` has returned.

aiosmtpd reads the grammar of the commands and keeps session and envelope; `smtp_wire` is its loop made safe,
`smtp_data` its DATA. No disconnect cancels a commit under way: the peer then has no 250, comes again, and the second
copy is known by its content. Sources: RFC 5321 §4.1.1, RFC 1870, RFC 6152, RFC 6531, RFC 1047.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from inspect import signature

from aiosmtpd.smtp import Envelope as Transaction
from aiosmtpd.smtp import Session

from mailgate import log
from mailgate.errors import TRY_LATER, SmtpReply
from mailgate.ingest import gate
from mailgate.ingest.flood import TOO_MANY_OF_SENDER
from mailgate.ingest.reception import Reception
from mailgate.ingest.smtp_data import NO_ROOM, DataReader
from mailgate.ingest.smtp_wire import NOT_IMPLEMENTED, TIMED_OUT, Wire, is_beyond
from mailgate.mail.envelope import Envelope, Received

_LOG = log.get("smtp")

TOO_MANY_MAILS = SmtpReply(421, "4.7.0", "Too many mails in one connection, please connect again")

#: An ordinary address; aiosmtpd's parser, a quarter of the cost of a mail, sees the others.
_SIMPLE = re.compile(r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+)>(?: +(.*))?")


class _Hooks:
    """aiosmtpd asks a handler; ours sends the question back to the session, which knows its reception."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        """The names aiosmtpd's constructor looks for, at every connection."""
        return ["handle_EHLO", "handle_MAIL", "handle_RCPT"]

    async def handle_EHLO(
        self, server: SmtpSession, session: Session, envelope: Transaction, name: str, lines: list[str]
    ) -> list[str]:
        session.host_name = name
        return ["\r\n".join(server.extensions(lines))]

    async def handle_MAIL(
        self, server: SmtpSession, session: Session, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        return str(server.begin(address, options))

    async def handle_RCPT(
        self, server: SmtpSession, session: Session, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        return str(server.add_recipient(address))


_HOOKS = _Hooks()
# aiosmtpd asks for this signature at every connection: 0.1 ms unless it is there
_Hooks.handle_EHLO.__signature__ = signature(_Hooks.handle_EHLO)  # type: ignore[attr-defined]


class SmtpSession(Wire):
    """One connection on the SMTP port."""

    def __init__(self, reception: Reception, loop: asyncio.AbstractEventLoop) -> None:
        self._mails = 0
        self._verdict: asyncio.Future[SmtpReply] | None = None
        super().__init__(reception, _HOOKS, loop)

    # --- commands ---------------------------------------------------------------------------------------------------

    def extensions(self, lines: list[str]) -> list[str]:
        """The answer to EHLO. lines: what aiosmtpd would say, of which HELP is left out."""
        kept = [line[4:] for line in lines if line[4:] != "HELP" and not line[4:].startswith("AUTH ")]
        if self.reception.config.auth is not None and (not self._auth_require_tls or self._tls_protocol):
            kept.append("AUTH " + " ".join(sorted(self._auth_methods)))
        kept += ["PIPELINING", "ENHANCEDSTATUSCODES"]
        return [f"250-{line}" for line in kept[:-1]] + [f"250 {kept[-1]}"]

    def begin(self, address: str, options: list[str]) -> SmtpReply:
        """MAIL, after aiosmtpd has read it. `<>` stays as it is in aiosmtpd's envelope, where "" means no MAIL yet."""
        if is_beyond(self._mails, self.limits.mails_per_connection):
            self._over = True
            return TOO_MANY_MAILS
        size = next((int(option[5:]) for option in options if option.startswith("SIZE=")), 0)
        if not self.reception.in_flight.has_room(size):
            return NO_ROOM
        sender = "" if address == "<>" else address
        refusal = self.reception.ready(size) or self.refuse_sender(sender)
        if refusal is None and self.reception.senders.is_over(sender, self.reception.clock()):
            refusal = TOO_MANY_OF_SENDER
        if refusal is not None:
            return refusal
        self._mails += 1
        self.envelope.mail_from = address
        if self.limits.transaction_seconds is not None:
            self._transaction_ends = self._clock() + self.limits.transaction_seconds
        return gate.SENDER_OK

    def add_recipient(self, address: str) -> SmtpReply:
        """RCPT, after aiosmtpd has read it."""
        reply = self.check_recipient(address)
        if reply.accepted:
            self.envelope.rcpt_tos.append(address)
        return reply

    def refuse_sender(self, address: str) -> SmtpReply | None:
        """Whether this road refuses an envelope sender; "" is the null sender."""
        return None

    def check_recipient(self, address: str) -> SmtpReply:
        """What this road says to a recipient."""
        return gate.check_recipient(address, len(self.envelope.rcpt_tos), self.reception.rules)

    def _set_rset_state(self) -> None:
        self._transaction_ends = None
        super()._set_rset_state()  # type: ignore[no-untyped-call]

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        simple = _SIMPLE.fullmatch(arg)
        if simple is not None:
            return simple[1], simple[2] or ""
        if arg.startswith("<>"):
            return "<>", arg[2:]
        try:
            return super()._getaddr(arg)
        except Exception:  # the standard library's parser is not total: RecursionError, IndexError
            return None, None

    def _getparams(self, params: Sequence[str]) -> dict[str, str | bool] | None:
        found = super()._getparams(params)
        if found is None:
            return None
        size = found.get("SIZE")
        if isinstance(size, str) and not (size.isascii() and size.isdigit() and len(size) <= 20):
            return None
        if self.reception.config.auth is not None:
            found.pop("AUTH", None)  # RFC 4954 §5: who offers AUTH takes AUTH= on MAIL; we act on none
        return found

    async def smtp_VRFY(self, arg: str | None) -> None:
        """RFC 5321 §3.5.3: neither yes nor no."""
        if not await self.check_auth_needed("VRFY"):
            await self.push("252 2.5.2 Cannot verify, but will take mail for those who are ours")

    async def smtp_EXPN(self, arg: str | None) -> None:
        await self.reply(NOT_IMPLEMENTED)

    async def smtp_AUTH(self, arg: str | None) -> None:
        await self.reply(NOT_IMPLEMENTED)

    # --- the mail ---------------------------------------------------------------------------------------------------

    async def smtp_DATA(self, arg: str | None) -> None:
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Need a valid recipient first")
            return
        refusal = self.reception.ready(0) or (None if self.reception.in_flight.has_room(1) else NO_ROOM)
        if refusal is not None:
            await self.reply(refusal)
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        recipients = len(self.envelope.rcpt_tos)
        reply = await self._take_mail()
        self._set_rset_state()
        if reply.accepted:
            self._errors = self._idle_commands = 0
        await self.answer_data(reply, recipients)

    async def answer_data(self, reply: SmtpReply, recipients: int) -> None:
        """Say how the mail fared; LMTP says it once per recipient."""
        await self.reply(reply)

    async def _take_mail(self) -> SmtpReply:
        rules = self.reception.rules
        pace = _Pace(self)
        data = DataReader(self._reader, self.limits.message_bytes, self.reception.in_flight, pace.on_bytes)
        try:
            raw = await data.read()
        except TimeoutError:
            data.drop()
            self._over = True
            return TIMED_OUT
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            data.drop()
            raise
        except Exception:
            _LOG.exception("mail not read", peer=self.peer)
            data.drop()
            self._over = True  # what is still on the wire is the rest of a mail: no command is to be read in it
            return TRY_LATER
        if isinstance(raw, SmtpReply):
            data.drop()
            return raw
        reply = gate.check_content(raw, rules)
        if not reply.accepted:
            data.drop()
            return reply
        return await self._commit(raw, data)

    async def _commit(self, raw: bytes, data: DataReader) -> SmtpReply:
        received = Received(
            envelope=self._envelope(),
            raw=raw,
            road=self.reception.config.road,
            received_at=self.reception.clock(),
            origin={"listen": self.reception.config.listen},
        )
        self.reception.senders.add(received.envelope.mail_from, received.received_at)
        self._verdict = self.reception.commit(received, data.drop)
        self._watchdog.by(self._clock() + self.limits.accept_seconds)
        return await self._verdict

    def _late(self) -> None:
        """A commit that takes too long is the journal's fault, not the peer's: later, and the session goes on."""
        if self._verdict is None or self._verdict.done():
            super()._late()
        else:
            _LOG.error("commit takes too long", seconds=self.limits.accept_seconds)
            self._verdict.set_result(TRY_LATER)

    def _envelope(self) -> Envelope:
        mail_from = self.envelope.mail_from or ""
        return Envelope(
            mail_from="" if mail_from == "<>" else mail_from,
            rcpt_tos=tuple(self.envelope.rcpt_tos),
            peer=self.peer,
            helo=(self.session.host_name or "")[:255],
            auth_user=str(self.session.auth_data or ""),
            tls=self._tls_protocol is not None,
        )


class _Pace:
    """The clocks of one DATA: the gap between pieces, and how many octets come in a while (a peer that dribbles)."""

    __slots__ = ("_began", "_octets", "_session")

    def __init__(self, session: SmtpSession) -> None:
        self._session = session
        self._began = session.loop.time()
        self._octets = 0
        session.await_by(session.limits.data_gap_seconds)

    def on_bytes(self, count: int) -> None:
        """Raises TimeoutError when fewer than `data_rate_bytes` a second came in the last `data_rate_seconds`."""
        limits = self._session.limits
        self._octets += count
        spent = self._session.loop.time() - self._began
        if limits.data_rate_bytes is not None and spent >= limits.data_rate_seconds:
            if self._octets < limits.data_rate_bytes * spent:
                raise TimeoutError
            self._began += spent
            self._octets = 0
        self._session.await_by(limits.data_gap_seconds)
