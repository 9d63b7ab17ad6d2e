"""Where the shipped data files are: presets, example configuration, templates, translations.

Looks in the checkout first, then in the wheel: an editable install may keep a stale copy in the wheel's place.
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def data_folder(name: str) -> Path:
    """The folder `config` or `templates` that ships with mailgate.

    Raises FileNotFoundError when neither the checkout nor the wheel has it (a broken installation).
    """
    for candidate in (_HERE.parent / name, _HERE / "_data" / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"mailgate's own folder {name!r} is missing; reinstall mailgate")
