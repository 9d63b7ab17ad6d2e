"""The gateway with its blobs in a bucket: files come back, are kept and erased, and an outage loses nothing."""

from __future__ import annotations

import html
import re
import shutil
import smtplib
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bucket import Bucket
from tests.integration.gateway import Gateway
from tests.integration.machine import Process, wait_until

PDF = b"%PDF-1.4\n" + b"nota fiscal 4711 " * 20_000


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    one = Bucket()
    yield one
    one.stop()


def mail(subject: str, attached: bytes = b"") -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ana <ana@example.org>", "suporte@example.test", subject
    made["Date"], made["Message-ID"] = formatdate(), make_msgid(domain="example.org")
    made.set_content("Bom dia, segue a nota.")
    if attached:
        made.add_attachment(attached, maintype="application", subtype="pdf", filename="nota.pdf")
    return made.as_bytes()


def settings(bucket: Bucket, prefix: str, keys: Path) -> dict[str, Any]:
    """Credentials by file; an empty endpoint in the environment."""
    keys.write_text("[default]\naws_access_key_id = test\naws_secret_access_key = wholly-secret\n")
    keys.chmod(0o600)
    reached = {"endpoint": bucket.endpoint, "credentials_file": str(keys)}
    return {"blobs": f"s3://{bucket.name}/{prefix}", "object_storage": reached}


def restarted(running: Gateway, bucket: Bucket, *roles: str) -> Gateway:
    """The same, with the bucket's credentials in the environment, and these roles."""
    running.env |= bucket.environment
    more = ["--roles", ",".join(roles)] if roles else []
    command = [*running._process.command, *more]
    running._process = Process(command, running.home / "serve.log", env=running.env, cwd=running.home)
    return running.start(120)


@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_a_file_comes_is_shown_kept_and_erased(gateway: Callable[..., Gateway], bucket: Bucket, tmp_path: Path) -> None:
    bucket.start()
    first = gateway(settings(bucket, "first", tmp_path / "keys"), start=False).start(120)

    first.send(mail("Nota fiscal", PDF))
    [told] = first.sink.wait_for(1, to="ana@example.org", limit=120)
    assert PDF in bucket.objects().values()
    assert not list((first.home / "data").rglob("blobs/??")), "no blob beside the bucket"
    link = re.search(rf"{re.escape(first.portal_url)}/\S+", told.text)
    assert link
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    page = browser.open(link[0], timeout=20).read().decode()
    path = re.search(r'href="(/tickets/[^"]+/files/[^"]+)"', page)
    assert path
    with browser.open(first.portal_url + html.unescape(path[1]), timeout=20) as answer:
        assert int(answer.headers["Content-Length"]) == len(PDF)
        assert answer.read() == PDF
    part = urllib.request.Request(first.portal_url + html.unescape(path[1]), headers={"Range": "bytes=3-9"})
    with browser.open(part, timeout=20) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes 3-9/{len(PDF)}")
        assert answer.read() == PDF[3:10]
    assert 'operation="put",succeeded="yes"' in first.ops("/metrics")[1]

    kept = tmp_path / "backup"
    first.run("backup", str(kept))
    first.run("verify", str(kept))
    first.run("verify")
    second = gateway(settings(bucket, "second", tmp_path / "keys"), start=False)
    shutil.rmtree(second.home / "data")
    second.run("restore", str(kept))
    second.run("verify")
    names = bucket.objects()
    assert {name for name in names if name.startswith("second/")} == {
        name.replace("first", "second") for name in names if name.startswith("first/")
    }
    second.run("restore", str(kept), code=65)

    first.run("erase", "ana@example.org", "--yes")
    assert not [name for name, content in bucket.objects().items() if name.startswith("first/") and PDF in content]
    first.run("verify")


@pytest.mark.long
@pytest.mark.parametrize("gateway_db", ["sqlite"], indirect=True)
def test_a_bucket_that_is_away_at_the_start_loses_nothing(gateway: Callable[..., Gateway], bucket: Bucket) -> None:
    bucket.start().stop()
    running = restarted(gateway({"blobs": f"s3://{bucket.name}"}, start=False), bucket)
    small, large = mail("Pequena", b"%PDF-1.4 pequena"), mail("Grande", PDF)
    refused: list[int] = []

    def send_large() -> None:
        with pytest.raises(smtplib.SMTPDataError) as raised:
            running.send(large)
        refused.append(raised.value.smtp_code)

    sender = threading.Thread(target=send_large)
    sender.start()
    running.send(mail("Sem anexo"))
    running.send(small)
    running.sink.wait_for(1, to="ana@example.org", limit=120)
    sender.join(120)
    assert refused == [451], "what is not durable is not accepted"
    status, said = running.ops("/readyz")
    assert (status, bucket.name in said) == (503, True), said
    wait_until(lambda: "mail put off" in running.log(), 120)
    assert "wholly-secret" not in running.log()

    bucket.start()
    wait_until(running.is_ready, 120)
    running.send(large)  # as its server does, after a 451
    deadline = time.monotonic() + 120
    while len(running.tickets()) < 3:
        assert time.monotonic() < deadline, running.export()
        time.sleep(0.5)
    assert [row["outcome"] for row in running.export() if not row["key"]] == []


@pytest.mark.parametrize("gateway_db", ["postgresql"], indirect=True)
def test_one_machine_takes_and_another_decides(gateway: Callable[..., Gateway], bucket: Bucket) -> None:
    bucket.start()
    blobs = {"blobs": f"s3://{bucket.name}/shared"}
    door = gateway(blobs, start=False)
    desk = gateway(blobs, start=False)
    shutil.rmtree(desk.home / "data")
    shutil.copytree(door.home / "data", desk.home / "data")
    restarted(door, bucket, "smtp", "portal")
    restarted(desk, bucket, "worker", "delivery", "scheduler")
    door.send(mail("Nota fiscal", PDF))
    door.sink.wait_for(1, to="ana@example.org", limit=120)
    [ticket] = door.tickets()
    assert ticket["subject"] == "Nota fiscal"
    assert PDF in bucket.objects().values()
