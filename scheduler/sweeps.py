"""A sweep: what is looked at, how often, by which function. The table of a gateway's sweeps is built in `app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Sweep:
    """name: for logs and metrics. every: the interval. run: the function; it must bear being run twice.

    at_once: the first tick is now, not after one interval.
    """

    name: str
    every: timedelta
    run: Callable[[], None]
    at_once: bool = False


def guarded(name: str, run: Callable[[], object], failed: Callable[[str, Exception], None]) -> Callable[[], None]:
    """A sweep's function that never raises: what goes wrong is told to `failed` and the next tick tries again."""

    def call() -> None:
        try:
            run()
        except Exception as error:
            failed(name, error)

    return call
