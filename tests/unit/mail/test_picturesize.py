"""How large a picture is, out of its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.picturesize import size_of
from tests.house import png

_JPEG = b"\xff\xd8\xff\xe0\x00\x04JF\xff\xc0\x00\x11\x08\x00\x96\x00\xc8\x03" + b"\0" * 20
_WEBP = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (639).to_bytes(3, "little") + (359).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (png(320, 180), (320, 180)),
        (b"GIF89a\x40\x01\xf0\x00", (320, 240)),
        (_JPEG, (200, 150)),
        (_WEBP, (640, 360)),
        (b"\xff\xd8" + b"\xff\xe0\x00\x00" * 9, None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff", None),
        (b"%PDF", None),
        (b"", None),
    ],
)
def test_sizes(head: bytes, size: tuple[int, int] | None) -> None:
    assert size_of(head) == size


@given(
    st.binary(max_size=80), st.sampled_from([b"\xff\xd8\xff", b"RIFF....WEBP", b"GIF8", b"\x89PNG\r\n\x1a\n....IHDR"])
)
def test_any_bytes_have_a_size_or_none(rest: bytes, start: bytes) -> None:
    found = size_of(start + rest)
    assert found is None or min(found) > 0
