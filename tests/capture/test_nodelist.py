"""Lists of nodes: what stands in them is taken or refused with its place, whatever they hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.recording.asked import settings
from omptool.capture.recording.terms import Rule, Selection
from omptool.capture.selecting import nodelist
from omptool.capture.selecting.nodelist import Listed, of_snapshot, of_text
from omptool.capture.selecting.selection import select
from omptool.errors import OmptoolError, UsageError
from omptool.model.monitoring import AS_ALL, Deadband, Discard, Monitoring, Trigger
from omptool.model.nodes import Node

CSV = """\
# presses
node,sampling,queue,deadband,discard,trigger
nsu=urn:plant;s=a,250ms,20,0.5,,
"Line1/Speed, left",0,,2%,newest,StatusValueTimestamp

Line1/State,,,,,status
"""


def test_csv_has_settings_beside_nodes() -> None:
    found = of_text(CSV, "n.csv")
    assert [(each.text, each.where) for each in found.nodes] == [
        ("nsu=urn:plant;s=a", "n.csv:3"), ("Line1/Speed, left", "n.csv:4"), ("Line1/State", "n.csv:6"),
    ]  # fmt: skip
    assert [each.monitoring for each in found.nodes] == [
        Monitoring(sampling_ms=250.0, queue_size=20, deadband=Deadband(0.5)),
        Monitoring(
            sampling_ms=0.0, deadband=Deadband(2, True), discard=Discard.NEWEST, trigger=Trigger.STATUS_VALUE_TIMESTAMP
        ),
        Monitoring(trigger=Trigger.STATUS),
    ]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_other_separators_and_a_type_of_deadband_of_its_own(sign: str) -> None:
    text = "\ufeffNode ID,sampling_ms,Deadband,deadband type\ni=2258,100,5,percent\n".replace(",", sign)
    [listed] = of_text(text, "n.csv").nodes
    assert listed == Listed("i=2258", Monitoring(sampling_ms=100.0, deadband=Deadband(5, True)), "", "n.csv:2")


def test_a_path_beside_a_node_id_is_where_it_stood() -> None:
    [listed] = of_text("node_id,path\ni=2258,Server/Time\n", "n.csv").nodes
    assert (listed.text, listed.path) == ("i=2258", "Server/Time")


def test_lines_with_commas_are_nodes_where_no_line_names_columns() -> None:
    assert [each.text for each in of_text("a,b/c\nns=2;s=x,y\n", "list").nodes] == ["a,b/c", "ns=2;s=x,y"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("i=x", "n:1: 'i=x' is not a NodeId"),
        ("node,smpling\na,1s", "n: unknown column 'smpling'"),
        ("node,queue,queue\na,1,2", "n: two columns 'queue'"),
        ("node,sampling\na,fast", "n:2: sampling: 'fast' is not a duration"),
        ("node,sampling_ms\na,-1", "n:2: sampling_ms: '-1' is no number of milliseconds"),
        ("node,queue\na,0", "n:2: queue: '0' is no queue size"),
        ("node,deadband\na,101%", "n:2: deadband: '101%' is no deadband"),
        ("node,deadband\na,nan", "n:2: deadband: 'nan' is no deadband"),
        ("node,deadband_type\na,percent", "n:2: a deadband_type without a deadband"),
        ("node,deadband,deadband_type\na,1,half", "n:2: deadband_type: 'half' is no type of deadband"),
        ("node,trigger\na,b", "n:2: trigger: 'b' is no trigger"),
        ("node,discard\na,b", "n:2: discard: 'b' is no discard policy"),
        ("node,queue\n,5", "n:2: no node"),
        ("node,queue\na,5,6", "n:2: 3 cells under 2 columns"),
        (f"node,queue\n{'a' * 200_000},5", "n:2: field larger than field limit"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        of_text(text, "n")
    assert error.value.message.startswith(said) and error.value.hint


SNAPSHOT = [
    {"path": "Line1", "node_id": "nsu=urn:p;s=L", "node_class": "Object", "access_level": None},
    {"path": "Line1/T", "node_id": "nsu=urn:p;s=T", "node_class": "Variable", "access_level": 1, "is_property": False},
    {"path": "Line1/S", "node_id": "nsu=urn:p;s=S", "node_class": "Variable", "access_level": 2, "is_property": False},
    {"path": "Line1/T/U", "node_id": "nsu=urn:p;s=U", "node_class": "Variable", "access_level": 1, "is_property": True},
    {"path": "Server/Time", "node_id": "i=2258", "node_class": "Variable", "access_level": 1, "is_property": False},
]


def test_of_a_snapshot_readable_variables_are_taken_as_by_default() -> None:
    found = of_snapshot(SNAPSHOT, "s.json")
    assert [(each.text, each.path) for each in found.nodes] == [("nsu=urn:p;s=T", "Line1/T")]
    assert found.notes == ("1 Variables of s.json cannot be read and are left out",)
    assert [each.text for each in of_snapshot(SNAPSHOT[3:], "s.json").nodes] == ["nsu=urn:p;s=U", "i=2258"]


def test_a_snapshot_as_csv_is_the_same_one() -> None:
    head = ",".join(SNAPSHOT[1])
    lines = [",".join("" if row.get(name) is None else str(row[name]) for name in SNAPSHOT[1]) for row in SNAPSHOT]
    assert [each.text for each in of_text("\n".join([head, *lines]), "s.csv").nodes] == ["nsu=urn:p;s=T"]


@pytest.mark.parametrize("rows", [SNAPSHOT[:1], [], [{"node_class": "Variable", "path": "a"}]])
def test_a_snapshot_without_variables_is_refused(rows: list[dict[str, object]]) -> None:
    with pytest.raises(UsageError):
        of_snapshot(rows, "s.json")


def test_a_list_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodelist, "MOST_NODES", 3)
    assert len(of_text("a\nb\nc", "n").nodes) == 3
    for text in ("a\nb\nc\nd", "node\na\nb\nc\nd"):
        with pytest.raises(UsageError, match="more than 3 nodes"):
            of_text(text, "n")
    with pytest.raises(UsageError, match="more than 3 nodes"):
        of_snapshot(SNAPSHOT * 10, "n")


@given(st.text(max_size=400))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        found = of_text(text, "n")
    except OmptoolError as error:
        assert error.message
    else:
        assert all(each.text == each.text.strip() for each in found.nodes)


@given(st.lists(st.dictionaries(st.sampled_from([*SNAPSHOT[1]]), st.one_of(st.text(), st.integers(), st.none()))))
def test_any_rows_are_a_snapshot_or_refused(rows: list[dict[str, object]]) -> None:
    try:
        assert of_snapshot(json.loads(json.dumps(rows)), "n").nodes
    except OmptoolError as error:
        assert error.message


NODES = [Node(f"nsu=urn:p;s={name}", f"Line1/{name}", name, access_level=1) for name in "abc"]


def test_the_closest_setting_wins_one_by_one() -> None:
    listed = (Listed("Line1/a", Monitoring(queue_size=5)), Listed("nsu=urn:p;s=b"), Listed("ns=1;s=a"))
    selection = Selection(
        (),
        listed,
        Monitoring(queue_size=7, sampling_ms=0.0),
        (
            Rule("**/b", Monitoring(sampling_ms=9.0, deadband=Deadband(1))),
            Rule("Line1/*", Monitoring(deadband=Deadband(2), trigger=Trigger.STATUS)),
        ),
    )
    chosen = select(NODES, listed=listed, namespaces=["", "urn:p"])
    assert settings(selection, chosen, NODES, ["", "urn:p"]) == {
        "nsu=urn:p;s=a": Monitoring(queue_size=5, sampling_ms=0.0, deadband=Deadband(2), trigger=Trigger.STATUS),
        "nsu=urn:p;s=b": Monitoring(queue_size=7, sampling_ms=0.0, deadband=Deadband(1), trigger=Trigger.STATUS),
    }
    assert settings(Selection(), NODES, NODES, []) == {}


def test_settings_that_say_nothing_change_nothing() -> None:
    below = Monitoring(sampling_ms=1.0)
    assert AS_ALL.over(below) is below and below.over(AS_ALL) == below
