"""Which tag plays which role, and what a person is told when it cannot be known."""

from __future__ import annotations

import pytest

from omptool.analytics import catalog
from omptool.analytics.binding import Binding, Tag, bind, bind_columns, parse_maps
from omptool.errors import NotFound, UsageError

OEE = catalog.load("oee")


def tags(machine: str, *names: str) -> list[Tag]:
    return [Tag("urn:s", f"s={machine}.{name}", "site", None, "L1", machine, name) for name in names]


def bound(binding: Binding, role: str) -> list[str]:
    return [one.node_id for one in binding.bound if one.role == role]


ALL = ("State", "GoodCount", "ScrapCount", "IdealCycleTime")


def test_the_first_glob_that_matches_decides_machine_by_machine() -> None:
    both = tags("A", *ALL, "Unit/MachineryItemState/CurrentState") + tags("B", *ALL)
    binding = bind(OEE, both, maps={}, plant={})
    assert bound(binding, "state") == ["s=A.Unit/MachineryItemState/CurrentState", "s=B.State"]
    assert binding.needed_roles == 3
    assert [note.split(":")[0] for note in binding.notes] == [
        "no tag has the role mode", "no tag has the role rework"
    ]  # fmt: skip


def test_map_wins_over_the_plant_model_and_that_over_the_recipe() -> None:
    found = tags("A", *ALL, "Mine", "Yours")
    assert bound(bind(OEE, found, maps={}, plant={"good": ("No", "Yours")}), "good") == ["s=A.Yours"]
    assert bound(bind(OEE, found, maps={"good": "Mine"}, plant={"good": ("Yours",)}), "good") == ["s=A.Mine"]


def test_a_machine_without_a_required_role_is_left_out_and_named() -> None:
    binding = bind(OEE, tags("A", *ALL) + tags("Oven", "State") + tags("Office", "Light"), maps={}, plant={})
    assert {one.node_id.split(".")[0] for one in binding.bound} == {"s=A"}
    assert binding.notes[0] == "left out, because not all of state, good, ideal are there: Oven"


def test_a_missing_role_says_what_to_type() -> None:
    with pytest.raises(NotFound) as caught:
        bind(OEE, tags("A", "State", "GoodParts", "IdealCycleTime"), maps={}, plant={})
    assert caught.value.message == "no tag has the role good; oee needs it"
    assert caught.value.hint == (
        "name the tag for good (counter of good parts): --map good='GoodParts'\n"
        "or a tag for produced in its place: --map produced=TAG"
    )
    with pytest.raises(NotFound) as caught:
        bind(OEE, tags("A", "State", "GoodCount"), maps={"good": "Good*"}, plant={})
    assert "--param ideal_cycle=VALUE" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        bind(OEE, tags("A", *ALL, "Power"), maps={"state": "Nope"}, plant={})
    assert caught.value.hint == "State has the role by itself: leave out --map state, or name another tag"
    with pytest.raises(NotFound, match="no machine has all roles of oee"):
        bind(OEE, tags("A", "State", "GoodCount") + tags("B", "IdealCycleTime"), maps={}, plant={})


def test_a_parameter_replaces_its_role() -> None:
    binding = bind(OEE, tags("A", *ALL), maps={}, plant={}, given=["ideal_cycle"])
    assert bound(binding, "ideal") == []
    assert binding.needed_roles == 2


def test_cycle_times_by_product_replace_the_role_where_a_tag_says_the_product() -> None:
    found = tags("A", *ALL, "Product") + tags("B", *ALL) + tags("C", "State", "GoodCount")
    binding = bind(OEE, found, maps={}, plant={}, priced=lambda _: True)
    assert bound(binding, "ideal") == ["s=B.IdealCycleTime"]
    assert len(bound(binding, "state")) == 3
    assert binding.needed_roles == 2
    nobody = bind(OEE, tags("B", *ALL), maps={}, plant={}, priced=lambda _: True)
    assert (bound(nobody, "ideal"), nobody.needed_roles) == (["s=B.IdealCycleTime"], 3)


def test_only_machines_with_cycle_times_by_product_need_no_tag_for_them() -> None:
    found = tags("A", *ALL, "Product") + tags("B", *ALL, "Product", "Recipe/Product")
    binding = bind(OEE, found, maps={}, plant={}, priced=lambda place: place[3] == "A")
    assert bound(binding, "ideal") == ["s=B.IdealCycleTime"]
    assert bound(binding, "product") == ["s=A.Product"]


def test_several_tags_of_one_machine_are_not_guessed_at() -> None:
    with pytest.raises(UsageError, match="2 tags of A could be good: GoodCount, ScrapCount") as caught:
        bind(OEE, tags("A", *ALL), maps={"good": "{Good,Scrap}Count"}, plant={})
    assert caught.value.hint == "say which: --map good=GoodCount"


@pytest.mark.parametrize(
    ("texts", "says"),
    [(["good"], "cannot read --map good"), (["god=X"], "no role god"), (["good=A", "good=B"], "given twice")],
)
def test_wrong_maps(texts: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_maps(texts, OEE.roles)


def test_a_role_may_be_spelled_as_the_standard_spells_it() -> None:
    assert parse_maps(["PBT=planned", "Apt=ran"], OEE.table) == {"pbt": "planned", "apt": "ran"}


def test_columns_are_found_in_any_case_or_mapped() -> None:
    columns = ["PBT", "run_s", "pri", "PQ", "gq"]
    assert bind_columns(OEE, columns, "shifts", {"apt": "run_s"}) == {
        "pbt": "PBT", "apt": "run_s", "pri": "pri", "pq": "PQ", "gq": "gq"
    }  # fmt: skip
    with pytest.raises(NotFound, match=r'no column "apt" in shifts for the role apt \(actual production time, s\)'):
        bind_columns(OEE, columns, "shifts", {})
