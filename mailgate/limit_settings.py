"""`limits:` of mailgate.yaml: every bound of the gateway under one roof, each a number, a size, a time, a rate or off.

`off` is UNLIMITED (counts, sizes), FOREVER (times) or no rate at all, so that nobody has to ask for None. What happens
beyond each bound stands in `docs/settings.md`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mailgate.yamltypes import (
    UNLIMITED,
    CountLimit,
    DailyRate,
    Duration,
    DurationLimit,
    HourlyRate,
    MinuteRate,
    Section,
    SizeLimit,
)


def _default(value: Any) -> Any:
    """A default written as an admin would write it."""
    return Field(default=value, validate_default=True)


class Limits(Section):
    """Sizes in bytes, times as timedelta, rates as (count, per) pairs that all hold."""

    # one mail
    message_bytes: SizeLimit = _default("25MiB")
    line_bytes: SizeLimit = _default("64KiB")
    header_block_bytes: SizeLimit = _default("256KiB")
    header_bytes: SizeLimit = _default("32KiB")
    header_count: CountLimit = 1000
    addresses: CountLimit = 200
    encoded_words: CountLimit = 200
    references: CountLimit = 50
    mime_depth: CountLimit = 20
    mime_parts: CountLimit = 500
    attachments: CountLimit = 100
    text_bytes: SizeLimit = _default("1MiB")
    html_in_bytes: SizeLimit = _default("2MiB")
    html_out_bytes: SizeLimit = _default("1MiB")
    html_depth: CountLimit = 200
    parse_small: DurationLimit = _default("2s")
    parse_large: DurationLimit = _default("10s")
    parse_memory_bytes: SizeLimit = _default("64MiB")
    received: CountLimit = 50
    tries: Annotated[CountLimit, Field(ge=1)] = 3
    rule_actions: CountLimit = 1000
    participants_from_mail: CountLimit = 10

    # SMTP and LMTP
    connections: CountLimit = 100
    connections_per_ip: CountLimit = 20
    mails_per_connection: CountLimit = 100
    recipients: CountLimit = 100
    errors: CountLimit = 10
    unknown_commands: CountLimit = 5
    idle: DurationLimit = _default("60s")
    data_gap: DurationLimit = _default("180s")
    transaction: DurationLimit = _default("15m")
    in_flight_bytes: SizeLimit = _default("256MiB")
    free_disk_bytes: SizeLimit = _default("200MiB")
    stored_per_day: SizeLimit = UNLIMITED

    # floods and loops
    tickets_per_sender: HourlyRate = _default(20)
    repeats_per_sender: HourlyRate = _default(3)
    mails_per_sender: HourlyRate = _default(60)
    comments_per_ticket: DailyRate = _default(100)
    refuse_from: CountLimit = 10
    acks_per_address: HourlyRate = _default(["1/10m", "5/h", "10/d"])
    acks_per_verified_address: HourlyRate = _default(30)
    acks_total: HourlyRate = _default(500)
    notices_per_address: HourlyRate = _default(30)

    # mail out
    delivery_warning: DurationLimit = _default("4h")
    relay_connections: Annotated[CountLimit, Field(ge=1)] = 5
    relay_connect: DurationLimit = _default("30s")
    relay_command: DurationLimit = _default("60s")
    relay_data: DurationLimit = _default("10m")

    # IMAP
    imap_literal_bytes: SizeLimit = _default("27.5MiB")
    imap_timeout: DurationLimit = _default("60s")
    imap_backoff: Duration = _default("5s")
    imap_backoff_max: DurationLimit = _default("5m")

    # portal and links
    portal_body_bytes: SizeLimit = _default("30MiB")
    portal_url_bytes: SizeLimit = _default("8KiB")
    portal_header_bytes: SizeLimit = _default("32KiB")
    portal_fields: CountLimit = 200
    portal_parts: CountLimit = 50
    portal_render: DurationLimit = _default("5s")
    portal_connections: CountLimit = 200
    portal_connections_per_ip: CountLimit = 50
    portal_head: DurationLimit = _default("15s")
    portal_stall: DurationLimit = _default("30s")
    requests_per_token: MinuteRate = _default(60)
    guest_tickets: HourlyRate = _default(["10/h", "30/d"])
    requests_per_ip: MinuteRate = _default(300)
    logins: HourlyRate = _default("10/15m")
    resets: HourlyRate = _default(3)
    token_misses: HourlyRate = _default(30)
    access_link: DurationLimit = _default("30d")
    session: DurationLimit = _default("12h")
    reset_link: DurationLimit = _default("1h")
    sign_in_link: DurationLimit = _default("30m")
    invitation_link: DurationLimit = _default("7d")
    survey_link: DurationLimit = _default("30d")

    # configuration files beside mailgate.yaml
    yaml_bytes: SizeLimit = _default("1MiB")
    yaml_aliases: CountLimit = 100
    yaml_nodes: CountLimit = 50_000
