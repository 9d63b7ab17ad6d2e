"""`python -m tests.hostile DIR`: write every attack to DIR/NAME.eml."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.hostile.mails import attacks

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in attacks().items():
        (folder / f"{name}.eml").write_bytes(write())
