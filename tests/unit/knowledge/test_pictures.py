"""Room for an image before it is there."""

from __future__ import annotations

import pytest

from mailgate.knowledge.pictures import size_of
from tests.house import png

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0001108012c019003012200021101031101")
GIF = b"GIF89a" + (320).to_bytes(2, "little") + (200).to_bytes(2, "little")
WEBP_X = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (99).to_bytes(3, "little") + (49).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("content", "size"),
    [(png(320, 180), (320, 180)), (JPEG, (400, 300)), (GIF, (320, 200)), (WEBP_X, (100, 50)), (b"", None),
     (b"\x89PNG\r\n\x1a\n", None), (b"\xff\xd8" + b"\xff" * 40, None), (b"RIFF\0\0\0\0WEBPVP8L", None), (b"BM", None)],
)  # fmt: skip
def test_size(content: bytes, size: tuple[int, int] | None) -> None:
    assert size_of(content) == size
