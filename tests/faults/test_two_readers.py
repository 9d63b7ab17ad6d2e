"""Two nodes that read one mailbox, on one PostgreSQL: each mail is there once, whichever of them dies or is frozen."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.imap import IllImap
from tests.faults.test_imap_kill_loop import AFTER, Arrivals, is_read, server
from tests.faults.test_kill_loop import SETTINGS, check, lies, say
from tests.faults.test_two_nodes import Pair, freeze_until_taken_over, pair
from tests.integration.machine import LOOPBACK, wait_until

__all__ = ["pair", "server"]

pytestmark = [pytest.mark.long, pytest.mark.parametrize("gateway_db", ["postgresql"], indirect=True)]
_MAILS, _DEEDS = 120, ("kill", "freeze", "kill", "renumber", "kill", "freeze", "kill", "renumber")


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("after", ["flag", "move"])
def test_one_mailbox_of_two_nodes(
    pair: Callable[..., Pair], server: IllImap, capsys: pytest.CaptureFixture[str], after: str
) -> None:
    mailbox: dict[str, Any] = {
        "name": "caixa", "host": LOOPBACK, "port": server.port, "tls": "none", "user": "suporte",
        "password": "secret", "poll": "1s", "after": AFTER[after],
    }  # fmt: skip
    limits = SETTINGS["limits"] | {"imap_timeout": "2s", "imap_backoff": "1s", "imap_backoff_max": "1s"}
    nodes = pair({"imap": [mailbox], "limits": limits})
    dice, began = random.Random(31), time.monotonic()
    arrivals = Arrivals(server, _MAILS, random.Random(31))
    nodes[0].sink.next(*lies(dice, _MAILS))
    arrivals.start()
    try:
        for number, deed in enumerate(_DEEDS, 1):
            mark = number * _MAILS // (len(_DEEDS) + 1)
            wait_until(lambda m=mark: len(arrivals.accepted) >= m, 120, "mails", every=0.002)  # type: ignore[misc]
            one = dice.choice(nodes)
            if deed == "renumber":
                server.renumber()
            elif deed == "freeze":
                freeze_until_taken_over(one)
            else:
                one.kill9()
                one.start(180)
        wait_until(lambda: arrivals.is_done, 120, "every mail in the mailbox", every=0.05)
        nodes[0].sink.peace()
    finally:
        arrivals.stop()
    wait_until(lambda: is_read(server, after, nodes[0], _MAILS), 120, "a mailbox that is read to its end")
    figures = check(nodes[0], arrivals)  # type: ignore[arg-type]
    figures = {
        name: figures[name] for name in ("mails", "lost", "doubled", "mails relayed", "relayed again, same bytes")
    }
    deeds = {f"{deed}s": _DEEDS.count(deed) for deed in ("kill", "freeze", "renumber")}
    say(capsys, f"two readers of one mailbox, {after}", figures | deeds | {"seconds": round(time.monotonic() - began)})
