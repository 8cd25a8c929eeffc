"""Places: which of the four sources of C5 wins, and what is left for the tag."""

from __future__ import annotations

import pytest

from omptool.errors import ConfigError, OmptoolError
from omptool.model.nodes import Node
from omptool.model.plant import Place, PlantModel, ServerPlace, places

EQUIPMENT = {"Plant": "site", "Plant/Body": "area", "Plant/Body/L1": "line", "Plant/Body/L1/Press1": "machine"}


def node(path: str) -> Node:
    return Node(path, path, path.rsplit("/", 1)[-1], equipment=EQUIPMENT.get(path))


TREE = [node(path) for path in [*EQUIPMENT, "Plant/Body/L1/Press1/Oil/Temperature", "Server2/Speed"]]
TEMPERATURE = "Plant/Body/L1/Press1/Oil/Temperature"


def test_without_any_word_the_server_is_the_machine() -> None:
    assert places("urn:s", TREE, server_name="s")["Server2/Speed"] == Place(
        "unassigned", None, None, "s", "Server2/Speed"
    )


def test_companion_specifications_name_everything() -> None:
    assert places("urn:s", TREE)[TEMPERATURE] == Place("Plant", "Body", "L1", "Press1", "Oil/Temperature")
    assert places("urn:s", TREE)["Plant/Body/L1/Press1"].tag == ""


def test_the_name_in_the_specification_wins_over_the_browse_name() -> None:
    named = [Node("m", "M1", "M1", equipment="machine", equipment_name="Press 7"), node("M1/Speed")]
    assert places("urn:s", named)["M1/Speed"] == Place("unassigned", None, None, "Press 7", "Speed")


def test_server_settings_win_over_the_server() -> None:
    settings = ServerPlace(site="Leipzig", machine="Cell4")
    place = places("urn:s", TREE, settings=settings)[TEMPERATURE]
    assert place == Place("Leipzig", "Body", "L1", "Cell4", TEMPERATURE)


@pytest.mark.parametrize(
    ("pattern", "machine", "tag"),
    [
        ("Plant/Body/L1/*", "Press1", "Oil/Temperature"),
        ("Plant/Body/(*)/*", "L1", "Oil/Temperature"),
        ("**/Press?", "Press1", "Oil/Temperature"),
        ("Nowhere/*", "Press1", "Oil/Temperature"),
    ],
)
def test_a_machine_glob_in_the_server_settings(pattern: str, machine: str, tag: str) -> None:
    place = places("urn:s", TREE, settings=ServerPlace(machine=pattern))[TEMPERATURE]
    assert (place.machine, place.tag) == (machine, tag)


@pytest.mark.parametrize("machine", ["{", "(*)/**"])
def test_a_capture_with_a_glob_that_is_none_is_still_read(machine: str) -> None:
    assert places("urn:s", TREE, settings=ServerPlace(machine=machine))[TEMPERATURE].machine == machine


def test_plant_toml_wins_over_all() -> None:
    model = PlantModel.parse(
        """
        site = "Leipzig"
        time_zone = "Europe/Berlin"
        [[machine]]
        path = "Plant/Body/*/Press1"
        line = "Line 1"
        name = "P1"
        [[machine]]
        path = "Server2"
        server = "urn:other"
        """
    )
    settings = ServerPlace(site="Munich", area="Hall 2", machine="Cell4")
    found = places("urn:s", TREE, model, settings)
    assert found[TEMPERATURE] == Place("Leipzig", "Hall 2", "Line 1", "P1", "Oil/Temperature")
    assert found["Server2/Speed"] == Place("Munich", "Hall 2", None, "Cell4", "Server2/Speed")
    assert places("urn:s", TREE, model)["Server2/Speed"].site == "Leipzig"
    assert model.zone == "Europe/Berlin"


@pytest.mark.parametrize("name", ["urn:s", "press7"])
def test_a_rule_names_a_server_by_its_uri_or_by_its_name_in_omptool_toml(name: str) -> None:
    model = PlantModel.parse(f'[[machine]]\npath = "Server2"\nserver = "{name}"\nname = "M"')
    assert places("urn:s", TREE, model, server_name="press7")["Server2/Speed"].machine == "M"
    assert places("urn:t", TREE, model, server_name="press8")["Server2/Speed"].machine == "press8"


WRONG = ["site = 1", "[machine]\npath='x'", "[[machine]]\nnam='x'", "[[machine]]", "x =", "time_zone = 1"]
WRONG += [f"[[machine]]\npath='{glob}'" for glob in ("a/**b", "{a", "(*)/**", "(*)/**/x", "(*)/(*)", "(*)/{a/b,c}")]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_plant_model_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"plant\.toml"):
        PlantModel.parse(text)


def test_roles_and_states_are_read() -> None:
    model = PlantModel.parse('[roles]\nstate = "Status"\ngood = ["**/OK", "Good"]\n[states]\n1 = "Executing"\n')
    assert model.roles == {"state": ("Status",), "good": ("**/OK", "Good")}
    assert model.states_of((None, None, None, "M")) == {"1": "Executing"}
    assert (PlantModel.parse("").roles, PlantModel.parse("").states) == ({}, ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("roles = 3", "roles is a table"),
        ("[roles]\nstate = 3", "roles.state is neither a tag glob nor a list of them"),
        ("[roles]\nstate = []", "roles.state is neither a tag glob"),
        ('[roles]\nstate = "a{b"', "opens a brace"),
        ('[states]\n1 = "Running"', 'states.1 is "Running"'),
        ('[[states]]\nmachine = "A"\n1 = "Running"', 'states 1: 1 is "Running"'),
        ("[[states]]\nmachine = 7", "states 1: machine is no text"),
        ('[[states]]\nline = "a{b"', "states 1: .*opens a brace"),
        ("states = 3", "states is a table, or a list of tables"),
        ("states = [3]", "states is a table, or a list of tables"),
    ],
)
def test_wrong_roles_and_states_are_named(text: str, says: str) -> None:
    with pytest.raises(OmptoolError, match=says):
        PlantModel.parse(text)
