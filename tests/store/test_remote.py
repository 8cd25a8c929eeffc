"""Names in object stores: what is one, what is refused, and that what could be a credential is never said again."""

from __future__ import annotations

from pathlib import Path

import pytest

from omptool.errors import UsageError
from omptool.store import location
from omptool.store.remote import Remote, is_pattern, is_remote, parse


@pytest.mark.parametrize(
    ("typed", "bucket", "key"),
    [
        ("az://lake", "lake", ""),
        ("az://lake/", "lake", ""),
        ("s3://plant-1/a/b/", "plant-1", "a/b"),
        ("s3://$logs/x y/site=Halle%202", "$logs", "x y/site=Halle%202"),
    ],
)
def test_a_name_is_taken_apart(typed: str, bucket: str, key: str) -> None:
    found = parse(typed)
    assert (found.bucket, found.key) == (bucket, key)
    assert str(found) == typed.rstrip("/")
    assert location.location(typed) == location.location(Path(typed)) == found


def test_it_speaks_the_language_of_paths() -> None:
    lake = Remote("s3", "plant", "a/lake")
    assert lake / "telemetry" == lake / "telemetry/" == Remote("s3", "plant", "a/lake/telemetry")
    assert (lake.name, lake.stem, lake.suffix, lake.parent) == ("lake", "lake", "", Remote("s3", "plant", "a"))
    assert Remote("s3", "plant") / "x.parquet" == Remote("s3", "plant", "x.parquet")
    assert lake.parts == Path("s3://plant/a/lake").parts
    assert location.relative(lake / "nodes/x.parquet", lake) == "nodes/x.parquet"
    assert location.inside(lake, "nodes/x.parquet") == lake / "nodes/x.parquet"
    assert location.inside(lake, "../other") is None


@pytest.mark.parametrize("typed", ["lake", "./s3", "C:/lake", "opc.tcp://host:4840", "gs://bucket/x", "s3x://b"])
def test_everything_else_is_a_path(typed: str) -> None:
    assert not is_remote(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "s3://",
        "az:///lake",
        "s3://bucket/../x",
        "s3://bucket/a//b",
        "s3://bucket/x*",
        "s3://bucket/a\\nb",
        "az://a b/c",
    ],
)
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(UsageError):
        parse(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "az://lake/x?sv=2024&sig=SECRET",
        "s3://AKIA:SECRET@bucket/x",
        "az://SECRET@lake/x?sig=SECRET",
        "az://lake?sig=SECRET",
    ],
)
def test_a_credential_in_a_name_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(typed)
    assert "SECRET" not in caught.value.message + caught.value.hint
    assert "no credentials" in caught.value.message


def test_wildcards_mean_several_objects() -> None:
    assert is_pattern("s3://bucket/day=*/x.parquet")
    assert not is_pattern("s3://bucket/x.parquet")
    assert not is_pattern("x*.parquet")
