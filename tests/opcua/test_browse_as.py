"""`browse --as` on a server with hard names, and `capture --nodes` of what it wrote: the same nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.opcua.address_space import Space

FORMS = {"publishednodes": "pn.json", "telegraf": "telegraf.conf", "umh": "benthos.yaml"}
CHOSEN = ("--select", "{Described,Odd,Leipzig}/**")


def planned(invoke, url: str, *options: str) -> set[str]:
    """NodeIds that a capture would take."""
    result = invoke("capture", url, *options, "--dry-run", "-o", "x.omcap", "--format", "jsonl")
    assert result.code == 0, result.err
    return {row["node_id"] for row in result.rows}


@pytest.mark.parametrize("form", FORMS)
def test_a_capture_takes_the_same_nodes(space: Space, invoke, form: str) -> None:
    wanted = planned(invoke, space.url, *CHOSEN)
    written = invoke("browse", space.url, *CHOSEN, "--as", form, "-o", FORMS[form])
    assert (written.code, written.err) == (0, "")
    assert planned(invoke, space.url, "--nodes", FORMS[form]) == wanted
    assert len(wanted) > 20


@pytest.mark.parametrize("suffix", [".parquet", ".xml"])
def test_a_snapshot_writes_what_the_server_wrote(space: Space, invoke, suffix: str, tmp_path: Path) -> None:
    assert invoke("browse", space.url, "--save", f"plant{suffix}").code == 0
    for form in FORMS:
        live = invoke("browse", space.url, *CHOSEN, "--as", form)
        offline = invoke("browse", f"plant{suffix}", *CHOSEN, "--as", form)
        assert offline.code == 0, offline.err
        assert "users, passwords and certificates are not written" in offline.err
        assert offline.out == live.out.replace('    "UseSecurity": false,\n', "")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--as", "telegraf", "--format", "json"], 2, "form of its own"),
        (["--as", "telegraf", "--values"], 2, "form of its own"),
        (["--as", "telegraph"], 2, "telegraf"),
        (["--as", "umh", "--class", "Object"], 1, "is a Variable"),
    ],
)
def test_wrong(space: Space, invoke, options: list[str], code: int, words: str) -> None:
    result = invoke("browse", space.url, *options)
    assert result.code == code, result.err
    assert words in result.err
    assert result.out == ""


def test_a_snapshot_that_does_not_know_the_address(invoke, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('[{"node_id":"i=1","path":"A","browse_name":"A","node_class":"Variable"}]')
    result = invoke("browse", "old.json", "--as", "telegraf")
    assert (result.code, result.out) == (2, "")
    assert "browse the server itself" in result.err
