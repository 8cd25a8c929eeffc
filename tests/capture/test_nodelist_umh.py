"""benthos-umh's files: inputs wherever they stand, subscribed to or polled; what a capture cannot do is told."""

from __future__ import annotations

import pytest
import yaml

from omptool.capture.selecting.nodelist_umh import looks_umh, of_umh
from omptool.errors import UsageError
from omptool.model.monitoring import Deadband

URL = "opc.tcp://10.1.4.7:4840"

PLAIN = f"""
input:
  opcua:
    endpoint: '{URL}'
    nodeIDs: ['ns=2;s=Press7', 'ns=0;i=2258']
    username: somebody-else
    subscribeEnabled: true
    useHeartbeat: true
    queueSize: 20
    samplingInterval: 500.0
    deadbandType: absolute
    deadbandValue: 0.5
pipeline:
  processors: []
"""

BROKER = f"""
input:
  broker:
    inputs:
      - opcua: &first
          endpoint: "{URL}"
          nodeIDs: ["ns=3;i=7"]
      - opcua:
          endpoint: opc.tcp://other:4840
          pollRate: 250
          nodeIDs: ["ns=3;i=8"]
      - opcua: *first
"""


def test_one_input_with_its_settings() -> None:
    assert looks_umh(PLAIN)
    found = of_umh(yaml.safe_load(PLAIN), "benthos.yaml")
    said = {"sampling_ms": 500.0, "queue_size": 20, "deadband": Deadband(0.5)}
    assert [(one.text, one.monitoring.said()) for one in found.endpoints[URL].nodes] == [
        ("ns=2;s=Press7", said),
        ("i=2258", said),
    ]
    notes = " | ".join(found.notes)
    assert "useHeartbeat (in 1 place) cannot be had" in notes and "security and users" in notes
    assert "somebody-else" not in notes


def test_inputs_inside_others_and_what_polls() -> None:
    assert looks_umh(BROKER)
    found = of_umh(yaml.safe_load(BROKER), "benthos.yaml")
    assert {
        url: [(one.text, one.monitoring.poll_ms) for one in asked.nodes] for url, asked in found.endpoints.items()
    } == {
        URL: [("ns=3;i=7", 1000.0)],
        "opc.tcp://other:4840": [("ns=3;i=8", 250.0)],
    }


def test_references_of_references_take_no_time() -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    with pytest.raises(UsageError, match="no input opcua"):
        of_umh(yaml.safe_load(text), "bomb.yaml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (f"endpoint: '{URL}'", "", "has no endpoint"),
        ("['ns=2;s=Press7', 'ns=0;i=2258']", "ns=2;s=Press7", "nodeIDs is no list"),
        ("'ns=0;i=2258'", "7", "node 2 is no NodeId"),
        ("'ns=0;i=2258'", "'i=x'", "is not a NodeId"),
        ("500.0", "soon", "samplingInterval"),
        ("absolute", "relative", "deadbandType"),
        ("queueSize: 20", "queueSize: -1", "is no queue size"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(old: str, new: str, words: str) -> None:
    assert old in PLAIN
    with pytest.raises(UsageError, match=words):
        of_umh(yaml.safe_load(PLAIN.replace(old, new)), "benthos.yaml")
