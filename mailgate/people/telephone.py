"""Telephone numbers as networks write them (ITU-T E.164). Pure."""

from __future__ import annotations

import re

_MOST = 40


def e164(text: str) -> str | None:
    """`+55 (48) 99999-0000` → `+5548999990000`; "" for nothing, None for what is no number with its country."""
    found = re.sub(r"[\s().-]", "", text[:_MOST])
    return found if not found or re.fullmatch(r"\+[1-9][0-9]{7,14}", found, re.ASCII) else None
