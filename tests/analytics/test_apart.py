"""Two places of one name do not become one row, and a row about a machine says which."""

from __future__ import annotations

from typing import Any

import pytest

from omptool.analytics import catalog
from omptool.analytics.apart import told_apart
from omptool.analytics.binding import Bound
from omptool.analytics.periods import PLACES
from tests.analytics.test_gaps_and_quality import run, sample

OEE, GENEALOGY = catalog.load("oee"), catalog.load("genealogy")


def _bound(*places: str) -> list[Bound]:
    """Places as site.area.line.machine; a dash is none."""
    split = [tuple(None if text == "-" else text for text in place.split(".")) for place in places]
    return [Bound("state", "urn:x", f"s={number}", True, place) for number, place in enumerate(split)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "places", "found"),
    [
        (("machine",), ("A.-.L1.M1", "A.-.L2.M2", "B.-.L1.M3"), ("machine",)),
        (("machine",), ("A.-.L1.M1", "B.-.L1.M1"), ("site", "machine")),
        (("machine",), ("A.-.L1.M1", "A.-.L2.M1"), ("line", "machine")),
        (("machine",), ("A.x.L1.M1", "B.y.L2.M1"), ("site", "machine")),
        (("machine",), ("A.x.L1.M1", "A.y.L1.M1", "B.x.L1.M1"), ("site", "area", "machine")),
        (("line",), ("A.-.L1.M1", "B.-.L1.M2"), ("site", "line")),
        (("line",), ("A.-.-.M1", "B.-.-.M2"), ("site", "line")),
        (("line", "machine"), ("A.-.L1.M1", "A.-.L2.M1"), ("line", "machine")),
        (("site",), ("A.-.L1.M1", "B.-.L1.M1"), ("site",)),
        ((), ("A.-.L1.M1", "B.-.L1.M1"), ()),
    ],
)
def test_rows_get_the_columns_that_tell_equal_names_apart(
    asked: tuple[str, ...], places: tuple[str, ...], found: tuple[str, ...]
) -> None:
    apart = told_apart(OEE, asked, _bound(*places))
    assert apart.places == found
    added = [name for name in found if name not in asked]
    assert [note.partition(": ")[2] for note in apart.notes] == (
        [f"rows say their {' and '.join(added)} too"] if added else []
    )


@pytest.mark.parametrize("asked", [("line",), ("site",), ()])
def test_rows_about_a_machine_always_name_it(asked: tuple[str, ...]) -> None:
    apart = told_apart(GENEALOGY, asked, _bound("A.-.L1.M1", "A.-.L1.M2"))
    assert apart == (tuple(name for name in PLACES if name in {*asked, "machine"}), ())


def test_a_machine_that_another_line_got_later_is_one() -> None:
    one, two = _bound("A.-.L1.M1", "A.-.L2.M1")
    assert told_apart(OEE, ("machine",), [one, two._replace(node_id=one.node_id)]).places == ("machine",)


def _two_sites(tag: str, *values: tuple[float, object]) -> list[dict[str, Any]]:
    return [
        sample(second, tag, value, site=site, node_id=f"s={site}.{tag}")
        for site, late in (("A", 0), ("B", 20))
        for second, value in ((-1, values[0][1]), *((at + late, value) for at, value in values[1:]))
    ]


def test_machines_of_one_name_in_two_sites_keep_their_times() -> None:
    result = run("time_elements", _two_sites("State", (0, "Executing"), (40, "OutOfService")))
    found = {(row["site"], row["element"]): row["seconds"] for row in result.rows.to_pylist()}
    assert found == {("A", "APT"): 40, ("A", "ADET"): 60, ("B", "APT"): 60, ("B", "ADET"): 40}
    assert "several machines are called M: rows say their site too" in result.notes


@pytest.mark.parametrize("name", ["data_quality", "aggregate", "i_mr"])
def test_tags_of_one_name_are_not_one(name: str) -> None:
    asked = {"maps": {"value": "Power"}, "parameters": {"aggregate": "Count"} if name == "aggregate" else {}}
    result = run(name, _two_sites("Power", (0, 1), (10, 2), (20, 3)), places=("line",), **asked)
    keys = {tuple(row[place] for place in ("site", "line", "tag")) for row in result.rows.to_pylist()}
    assert keys == {("A", None, "Power"), ("B", None, "Power")}
    assert ("machine" in result.rows.column_names) == (name != "data_quality")
