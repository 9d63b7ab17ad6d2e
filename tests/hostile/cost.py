"""What reading one mail costs: processor time, and by how much the process grows; each in a process of its own."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from mailgate.authn.resolver import DictResolver
from mailgate.authn.verify import verify
from mailgate.mail.asjson import as_json
from mailgate.mail.limits import MIB, MailLimits
from mailgate.mail.parse import read_mail

LIMITS = MailLimits()


@dataclass(frozen=True)
class Cost:
    """cpu: seconds.  growth, size: bytes.  fault: "" or what went wrong."""

    name: str
    size: int
    cpu: float
    growth: int
    fault: str

    @property
    def beyond(self) -> int:
        """Bytes of growth beyond the mail's own size."""
        return self.growth - self.size

    def __str__(self) -> str:
        return f"{self.name}: {self.size / MIB:.1f} MiB, {self.cpu:.2f} s, +{self.growth / MIB:.0f} MiB {self.fault}"


def cost_of(name: str, raw: bytes) -> Cost:
    """Read a mail, prove its sender and print it as JSON, in a fork of this process."""
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(ours, json.dumps(_measured(raw)).encode())
        os._exit(0)
    os.close(ours)
    with os.fdopen(theirs, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    cpu, growth, fault = json.loads(said) if said else (0.0, 0, f"died: {status}")
    return Cost(name, len(raw), cpu, growth, fault)


def _measured(raw: bytes) -> tuple[float, int, str]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, begin = _status("VmRSS"), time.process_time()
    fault = ""
    try:
        mail = read_mail(raw, LIMITS, mail_from="x@hostil.test")
        said = json.dumps(as_json("x", mail), ensure_ascii=False).encode("utf-8")
        json.loads(said)
        if not mail.over_limit:
            verify(
                raw, peer="192.0.2.9", helo="hostil.test", mail_from="x@hostil.test", author_domain="hostil.test",
                headers_from_count=1, resolver=DictResolver({}), trusted=("mx.example.test",),
            )  # fmt: skip
        if any("\n" in value or "\r" in value for _, value in mail.message.headers):
            fault = "a header of two lines"
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"[:300]
    return time.process_time() - begin, _status("VmHWM") - before, fault


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def worst(costs: list[Cost]) -> str:
    """The five that took longest and the five that grew most, a line each."""
    slow = sorted(costs, key=lambda cost: -cost.cpu)[:5]
    fat = sorted(costs, key=lambda cost: -cost.beyond)[:5]
    return "\n".join(f"    {cost}" for cost in (*slow, *fat))
