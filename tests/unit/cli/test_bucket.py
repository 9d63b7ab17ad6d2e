"""What `check` and `doctor` say of a bucket, and where its keys may come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailgate.cli import probing
from mailgate.errors import ConfigError
from mailgate.opening import bucket_access
from mailgate.settings import Settings, load_settings
from tests.integration.bucket import Bucket


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    one = Bucket().start()
    yield one
    one.stop()


def written(folder: Path, text: str) -> Settings:
    file = folder / "mailgate.yaml"
    file.write_text("addresses: [{address: suporte@example.test}]\n" + text)
    return load_settings(file, {})


def test_a_bucket_is_tried_and_left_as_it_was(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    settings = written(tmp_path, f"blobs: s3://{bucket.name}/mails/\n")
    [look] = probing.blobs(settings)
    assert (look.state, bucket.objects()) == ("ok", {})
    assert bucket.requests[-4:] == ["PUT", "GET", "GET", "POST"]
    assert list(probing.blobs(written(tmp_path, ""))) == [], "a folder is looked at elsewhere"
    [look] = probing.blobs(written(tmp_path, "blobs: s3://nobodys-bucket\n"))
    assert (look.state, "nobodys-bucket" in look.text) == ("failed", True)


def test_keys_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("[default]\naws_access_key_id = ID\naws_secret_access_key = A/b+c%d=\n")
    keys.chmod(0o600)
    reached = (
        "object_storage: {endpoint: 'https://minio.example.com:9000/', region: sa-east-1, credentials_file: keys}\n"
    )
    settings = written(tmp_path, "blobs: s3://a-bucket/one/two\n" + reached)
    access = bucket_access(settings, {"AWS_ACCESS_KEY_ID": "other", "AWS_ENDPOINT_URL": "https://elsewhere"})
    assert (access.bucket, access.prefix, access.key_id) == ("a-bucket", "one/two", "ID")
    assert (access.secret, access.endpoint, access.region) == (
        "A/b+c%d=",
        "https://minio.example.com:9000",
        "sa-east-1",
    )
    plain = bucket_access(written(tmp_path, "blobs: s3://a-bucket\n"), {"AWS_ACCESS_KEY_ID": "E", "AWS_REGION": "x"})
    assert (plain.key_id, plain.region, plain.endpoint) == ("E", "x", "")
    keys.write_text("nothing\n")
    with pytest.raises(ConfigError, match="aws_access_key_id"):
        bucket_access(settings, {})


@pytest.mark.parametrize(
    "text",
    [
        "blobs: s3://\n",
        "blobs: s3://Bucket/x\n",
        "blobs: s3://bucket/../other\n",
        "blobs: s3://user:password@bucket/x\n",
        "blobs: gs://bucket\n",
        "object_storage: {endpoint: 'http://minio.example.com'}\n",
        "object_storage: {endpoint: minio.example.com}\n",
        "object_storage: {secret: abc}\n",
    ],
)
def test_what_is_no_bucket_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"mailgate\.yaml:2:"):
        written(tmp_path, text)


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("aws_access_key_id = ID\naws_secret_access_key = secret\n")
    (tmp_path / "keys").chmod(0o644)
    with pytest.raises(ConfigError, match="read by others"):
        written(tmp_path, "blobs: s3://a-bucket\nobject_storage: {credentials_file: keys}\n")
