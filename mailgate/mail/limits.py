"""What one mail may cost: bounds applied before any parser sees the bytes. Defaults of docs/settings.md, `limits:`."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MailLimits:
    """Bounds for reading one mail; sizes in bytes. Beyond a bound the mail is held or the part shown as a file."""

    message_bytes: int = 25 * MIB
    line_bytes: int = 64 * KIB
    header_block_bytes: int = 256 * KIB
    header_bytes: int = 32 * KIB
    header_count: int = 1000
    addresses: int = 200
    encoded_words: int = 200
    references: int = 50
    mime_depth: int = 20
    mime_parts: int = 500
    attachments: int = 100
    text_bytes: int = 1 * MIB
    html_in_bytes: int = 2 * MIB
    html_out_bytes: int = 1 * MIB
    html_depth: int = 200
    received: int = 50
    parse_memory_bytes: int = 64 * MIB
    parse_seconds_small: float = 2.0
    parse_seconds_large: float = 10.0
