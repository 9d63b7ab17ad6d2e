"""What the settings say of the doors, as the listeners want it."""

from __future__ import annotations

import ssl
from typing import Any

from mailgate.errors import ConfigError, Mistake
from mailgate.ingest.reception import LMTP_LIMITS, AuthPolicy, SmtpConfig, SmtpLimits
from mailgate.ingest.submission import check_password
from mailgate.limit_settings import Limits
from mailgate.sections import Lmtp, Smtp, Submission, TlsFiles
from mailgate.settings import Settings
from mailgate.yamltypes import Listen, Rate, bound, seconds
from store.vocabulary import Road


def listener_config(settings: Settings, section: Smtp | Submission | Lmtp, road: Road) -> SmtpConfig:
    """One listener. Raises ConfigError for a certificate or a users file that cannot be used."""
    tls = None if isinstance(section, Lmtp) else _tls_context(section.tls)
    auth = None
    if isinstance(section, Submission):
        near = section.listen.path is not None or _is_loopback(section.listen)
        auth = AuthPolicy(check_password(section.users_file), require_tls=not near or tls is not None)
    return SmtpConfig(
        listen=str(section.listen),
        hostname=settings.hostname,
        road=road,
        limits=_smtp_limits(settings, road),
        tls_context=tls,
        proxy_protocol=isinstance(section, Smtp) and section.proxy_protocol,
        auth=auth,
        trusted_peers=section.trusted_peers if isinstance(section, Smtp) else (),
    )


def _tls_context(files: TlsFiles) -> ssl.SSLContext | None:
    if files.cert is None or files.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            [Mistake(str(files.cert), 0, 0, f"this certificate or its key cannot be used: {error}")]
        ) from error
    return context


def _is_loopback(listen: Listen) -> bool:
    return listen.host in ("localhost", "::1") or listen.host.startswith("127.")


def _smtp_limits(settings: Settings, road: Road) -> SmtpLimits:
    limits = settings.limits
    common: dict[str, Any] = {
        "message_bytes": bound(limits.message_bytes),
        "connections": bound(limits.connections),
        "recipients": bound(limits.recipients),
        "unknown_commands": bound(limits.unknown_commands),
        "data_gap_seconds": seconds(limits.data_gap),
        "transaction_seconds": seconds(limits.transaction),
        "in_flight_bytes": bound(limits.in_flight_bytes),
    }
    if road is not Road.SUBMISSION:
        common["sender_rates"] = _refused_from(limits)
    if road is Road.LMTP:
        return SmtpLimits(
            **common,
            connections_per_ip=LMTP_LIMITS.connections_per_ip,
            mails_per_connection=LMTP_LIMITS.mails_per_connection,
            errors=LMTP_LIMITS.errors,
            idle_commands=LMTP_LIMITS.idle_commands,
            idle_seconds=LMTP_LIMITS.idle_seconds,
        )
    return SmtpLimits(
        **common,
        connections_per_ip=bound(limits.connections_per_ip),
        mails_per_connection=bound(limits.mails_per_connection),
        errors=bound(limits.errors),
        idle_seconds=seconds(limits.idle),
    )


def _refused_from(limits: Limits) -> tuple[Rate, ...]:
    """From how many mails of one sender on they are refused, not held: so many times the limit."""
    times = bound(limits.refuse_from)
    return () if times is None else tuple(Rate(rate.count * times, rate.per) for rate in limits.mails_per_sender)
