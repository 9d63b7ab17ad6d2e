"""Where an address or a name stands in a text: as itself, not within a longer one. Pure.

`ana@x.test` stands neither in `joana@x.test` nor in `ana@x.test.br`: who has these is somebody else. Marks that may be
part of an address and mostly are not (`_ana@x.test_`, `to=ana@x.test`, `'ana@x.test'`) do not make it another one.
"""

from __future__ import annotations

import re

#: Escapes that end in a letter or digit of their own: of JSON, of quoted-printable (RFC 2045 §6.7), of a URL.
_ESCAPED = r"(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=[=%][0-9A-Fa-f]{2})"
_BEFORE_ADDRESS = rf"(?:{_ESCAPED}|(?<![^\W_])(?<![^\W_][._+-]))"
_AFTER_ADDRESS = r"(?![^\W_]|[.-][^\W_])"
_BEFORE_NAME = rf"(?:{_ESCAPED}|(?<![^\W_]))"
_AFTER_NAME = r"(?![^\W_])"


def of_address(address: str) -> re.Pattern[str]:
    """Finds this address, in whatever case."""
    return re.compile(_BEFORE_ADDRESS + re.escape(address) + _AFTER_ADDRESS, re.IGNORECASE)


def of_name(name: str) -> re.Pattern[str]:
    """Finds this name as whole words, in whatever case."""
    return re.compile(_BEFORE_NAME + re.escape(name) + _AFTER_NAME, re.IGNORECASE)
