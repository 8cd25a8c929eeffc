"""`omptool model`: what it proposes is a model that `model check` and the analyses can use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.analytics import catalog
from omptool.analytics.binding import Tag
from omptool.analytics.modelling import lacks, propose
from omptool.lake.convert import convert
from omptool.model.plant import PlantModel
from tests.analytics.plants import Recorded
from tests.analytics.test_gaps_and_quality import sample
from tests.conftest import Result

Run = Callable[..., Result]
ANY = ("S", None, None, "M")


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """Two presses of a maker who knows no companion specification, on one server."""
    rows: list[dict[str, object]] = []
    for press in ("Press1", "Press2"):
        for second, state, parts in ((0, "RUNNING", 0), (30, "FAULT", 5), (60, "Idle", 9)):
            for tag, value in (("Status", state), ("OK Parts", parts)):
                place = {"tag": f"Hall/{press}/{tag}", "machine": "plc", "site": "unassigned", "seq": len(rows) + 1}
                rows.append(sample(second, f"{press}.{tag}", value) | place)
    convert([Recorded(rows)], tmp_path / "lake")  # type: ignore[list-item]
    return "lake"


def test_a_proposal_is_a_model(invoke: Run, lake: str, tmp_path: Path) -> None:
    result = invoke("model", "init", lake, "-o", "plant.toml")
    assert (result.code, result.out) == (0, "")
    assert result.err == "next: look through plant.toml, then omptool model check lake --plant plant.toml\n"
    text = (tmp_path / "plant.toml").read_text()
    model = PlantModel.parse(text)
    assert [str(rule.path.find(("Hall", "Press1", "Status"))) for rule in model.rules] == ["('Press1', 2)"]
    meanings = {"RUNNING": "Executing", "FAULT": "OutOfService", "Idle": "NotExecuting"}
    assert meanings.items() >= model.states_of(ANY).items()
    assert "good" in model.roles


def test_check_says_what_is_missing(invoke: Run, lake: str) -> None:
    result = invoke("model", "check", lake)
    assert result.code == 3
    rows = {row["analysis"]: row for row in result.rows}
    assert (rows["data_quality"]["ready"], rows["oee"]["ready"]) == (True, False)
    assert rows["oee"]["missing"] == "state good ideal"
    assert result.err.startswith("exit 3: no tag for ")


def _tags(machine: str, *names: str) -> list[Tag]:
    return [Tag("urn:s", f"s={machine}.{name}", "S", None, None, machine, name) for name in names]


def test_cycle_times_by_product_take_the_place_of_a_tag() -> None:
    tags = _tags("A", "State", "GoodCount", "Product") + _tags("B", "State", "GoodCount")
    oee = [catalog.load("oee")]
    assert [row.missing for row in lacks(oee, tags, {})] == ["ideal", "ideal"]
    assert [row.missing for row in lacks(oee, tags, {}, priced=lambda place: place[3] in "AB")] == ["", "ideal"]
    assert [row.missing for row in lacks(oee, tags, {}, priced=lambda place: place[3] == "B")] == ["ideal", "ideal"]


def test_hostile_names_and_values_that_two_tags_say_stay_a_model() -> None:
    tags = _tags("A\nsite = 1", "State\nx = [", "Status")
    values = {"State\nx = [": {"Run", "17"}, "Status": {"Run", "17", "7\x7f"}}
    text = propose(tags, {"state": ["State*"]}, values, [catalog.load(name) for name in catalog.names()])
    assert PlantModel.parse(text).states_of(ANY) == {"Run": "Executing"}
    assert text.count('"17" =') == 1


@pytest.mark.parametrize(
    "state", ["Not running", "NOT_RUNNING", "NotProducing", "Unproductive", "nicht Auto", "Auto stop"]
)
def test_what_says_two_things_is_no_meaning_but_a_question(state: str) -> None:
    tags = _tags("A", "State")
    text = propose(tags, {}, {"State": {state}}, [catalog.load(name) for name in catalog.names()])
    assert f'# "{state}" = "NotExecuting"' in text
    assert PlantModel.parse(text).states_of(ANY) == {}


@pytest.mark.parametrize(("state", "meaning"), [("Unavailable", "NotAvailable"), ("AUTO", "Executing")])
def test_words_that_say_one_thing_are_a_guess(state: str, meaning: str) -> None:
    text = propose(_tags("A", "State"), {}, {"State": {state}}, [catalog.load(name) for name in catalog.names()])
    assert PlantModel.parse(text).states_of(ANY) == {state: meaning}


def test_check_is_not_ready_where_an_analysis_would_refuse_or_know_nothing(invoke: Run, tmp_path: Path) -> None:
    rows = [sample(0, "State", 1), sample(0, "A/GoodCount", 1), sample(0, "B/GoodCount", 1), sample(9, "State", 7)]
    convert([Recorded([row | {"seq": seq} for seq, row in enumerate(rows, 1)])], tmp_path / "x")  # type: ignore[list-item]
    result = invoke("model", "check", "x")
    missing = {row["analysis"]: row["missing"] for row in result.rows}
    assert (missing["oee"], missing["mtbf_mttr"], missing["time_in_state"]) == ("ideal good meanings", "meanings", "")
    assert result.err.startswith(
        "2 tags of M could be good: A/GoodCount, B/GoodCount\nnothing that State of M says has a meaning: 1, 7\nexit 3"
    )
    assert "several tags for one role; name them under [roles]" in result.err
    (tmp_path / "plant.toml").write_text('[roles]\ngood = "A/GoodCount"\n[states]\n1 = "Executing"\n')
    rows = {row["analysis"]: row["missing"] for row in invoke("model", "check", "x").rows}
    assert (rows["oee"], rows["mtbf_mttr"]) == ("ideal", "")


def test_meanings_of_one_machine_are_missing_in_another(invoke: Run, tmp_path: Path) -> None:
    rows = [sample(at, "State", 1, machine=name, node_id=name, seq=at) for at, name in ((1, "A"), (2, "B"))]
    convert([Recorded(rows)], tmp_path / "x")  # type: ignore[list-item]
    (tmp_path / "plant.toml").write_text('[[states]]\nmachine = "A"\n1 = "Executing"\n')
    result = invoke("model", "check", "x")
    missing = {row["machine"]: row["missing"] for row in result.rows if row["analysis"] == "mtbf_mttr"}
    assert missing == {"A": "", "B": "meanings"}
    assert "nothing that State of B says has a meaning: 1" in result.err


def test_a_source_that_is_not_there(invoke: Run, tmp_path: Path) -> None:
    for word in ("init", "check"):
        result = invoke("model", word, "nowhere")
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("omptool: no such file or folder: nowhere")


SAMPLES = Path(__file__).parents[2] / "sample_data"


def test_a_sample_lacks_nothing(invoke: Run) -> None:
    result = invoke("model", "check", str(SAMPLES / "press-line" / "press-line.omcap"))
    assert result.code == 0
    assert {row["machine"] for row in result.rows} == {"Press1", "Press2", "Packer1"}
    assert {row["analysis"] for row in result.rows if row["to_name"]} >= {"i_mr", "tool_wear"}
    assert {row["area"] for row in result.rows} == {"Stamping"}
    keys = [(row["area"], row["line"], row["machine"], row["analysis"]) for row in result.rows]
    assert len(keys) == len(set(keys))
    assert result.err == "left out, because nothing there changed or has a role: line1\n"


def test_a_dash_is_stdout(invoke: Run, lake: str, tmp_path: Path) -> None:
    result = invoke("model", "init", lake, "-o", "-")
    assert result.code == 0 and PlantModel.parse(result.out).roles
    assert not (tmp_path / "-").exists()
