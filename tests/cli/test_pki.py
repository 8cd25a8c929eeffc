"""`omptool pki`: three steps from nothing to a trusted server, and what is never done silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.row_meanings import ROWS
from tests.conftest import Result
from tests.opcua.certificates import certificate_of

Run = Callable[..., Result]


def test_init_makes_what_show_and_list_show(invoke: Run, tmp_path: Path) -> None:
    made = invoke(
        "pki", "init", "--host", "gateway7", "--host", "10.1.4.99", "--application-uri", "urn:gateway7:omptool"
    )
    assert made.code == 0, made.err
    (row,) = made.rows
    assert list(row) == list(ROWS["pki"])
    assert (row["store"], row["application_uri"], row["hosts"]) == (
        "own",
        "urn:gateway7:omptool",
        ["gateway7", "10.1.4.99"],
    )
    assert Path(row["file"]) == tmp_path / "config" / "omptool" / "pki" / "own" / "omptool.der"
    assert invoke("pki", "show").rows == invoke("pki", "list").rows == [row]


def test_a_file_is_trusted_at_once_and_named_by_its_thumbprint(invoke: Run, tmp_path: Path) -> None:
    wanted = certificate_of("press7")
    (tmp_path / "press7.der").write_bytes(wanted.der)
    (row,) = invoke("pki", "trust", "press7.der").rows
    assert (row["store"], row["sha1"]) == ("trusted", wanted.sha1)
    shown = invoke("pki", "show", wanted.sha1[:12].lower())
    assert (shown.code, shown.rows) == (0, [row])
    listed = invoke("pki", "list")
    assert listed.rows == [row] and "no certificate of our own" in listed.err


def test_the_folder_of_a_settings_file_is_beside_it(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant" / "omptool.toml").write_text('[pki]\nfolder = "certificates"\n')
    (row,) = invoke("pki", "init", "--config", "plant/omptool.toml").rows
    assert (tmp_path / row["file"]).resolve() == tmp_path / "plant" / "certificates" / "own" / "omptool.der"
    assert invoke("pki", "show").code == 1


def test_a_table_spells_thumbprints_in_pairs(invoke: Run, tmp_path: Path) -> None:
    wanted = certificate_of("press7")
    (tmp_path / "press7.der").write_bytes(wanted.der)
    out = invoke("pki", "show", "press7.der", "--format", "table").out
    assert ":".join(wanted.sha1[at : at + 2] for at in range(0, 40, 2)) in out
    assert "localhost" in out
