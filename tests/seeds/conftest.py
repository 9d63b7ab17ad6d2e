"""`company("totvs", …)`: a gateway with that preset, as `mailgate init --preset totvs` makes it; one for each
module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.dnsstub import DnsStub
from tests.integration.gateway import Gateway, merged, sane_settings
from tests.integration.machine import folder
from tests.integration.sink import Sink
from tests.seeds.company import Company


@pytest.fixture(scope="module")
def company() -> Iterator[Callable[..., Company]]:
    """Call it with the preset, its address and what else stands in mailgate.yaml; it runs until the module ends."""
    with ExitStack() as ends:

        def create(preset: str, support: str, **settings: Any) -> Company:
            stub, far_end = DnsStub(), Sink()
            stub.start()
            ends.callback(stub.stop)
            far_end.start()
            ends.callback(far_end.stop)
            home = ends.enter_context(folder("seed"))
            plain = sane_settings(home, "sqlite", far_end.port, stub.address)
            gateway = Gateway(home, merged(plain, {"preset": preset, **settings}), far_end)
            gateway.install()
            gateway.start()
            ends.callback(lambda: gateway.stop() if gateway.is_running else None)
            ends.callback(lambda: print(gateway.log()))
            one = Company(gateway, stub, support=support)
            ends.callback(one.close)
            return one

        yield create
