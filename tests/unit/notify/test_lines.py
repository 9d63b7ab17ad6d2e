"""Words as lines: what a hostile line costs."""

from __future__ import annotations

import time

from mailgate.notify.lines import tidy


def test_a_line_of_spaces_costs_its_length() -> None:
    """Rendering the notice of such a mail took minutes, and the other mails waited for it."""
    begin = time.process_time()
    tidy("a" + " " * 500_000 + "b")
    assert time.process_time() - begin < 2.0
