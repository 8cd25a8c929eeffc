"""Telegraf's files: nodes alone and in groups, settings of both inputs; what a capture cannot do is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.selecting.nodelist_telegraf import looks_telegraf, of_telegraf
from omptool.errors import OmptoolError, UsageError
from omptool.model.monitoring import Deadband, Discard, Trigger

URL = "opc.tcp://10.1.4.7:4840"

LISTENER = f"""
[agent]
  interval = "2s"

[[outputs.file]]
  files = ["stdout"]

[[inputs.opcua_listener]]
  name = "press"
  endpoint = "{URL}"
  subscription_interval = "250ms"
  security_policy = "auto"
  username = "somebody-else"
  nodes = [
    {{name="speed", namespace="3", identifier_type="s", identifier="Press7.Speed"}},
    {{name="time", namespace="0", identifier_type="i", identifier="2258"}},
  ]

  [[inputs.opcua_listener.group]]
    name = "oil"
    namespace_uri = "urn:plant"
    identifier_type = "s"
    sampling_interval = "1s"
    default_tags = {{ machine = "Press7" }}
    [[inputs.opcua_listener.group.nodes]]
      name = "temperature"
      identifier = "Oil.Temperature"
      [inputs.opcua_listener.group.nodes.monitoring_params]
        queue_size = 50
        discard_oldest = false
        [inputs.opcua_listener.group.nodes.monitoring_params.data_change_filter]
          trigger = "StatusValueTimestamp"
          deadband_type = "Percent"
          deadband_value = 2.5
    [[inputs.opcua_listener.group.nodes]]
      name = "pressure"
      namespace_uri = "urn:else;where"
      identifier = "p"
      monitoring_params = {{ sampling_interval = "100ms" }}
"""


def test_nodes_and_groups_with_their_settings() -> None:
    assert looks_telegraf(LISTENER)
    found = of_telegraf(LISTENER, "telegraf.conf")
    endpoint = found.endpoints[URL]
    assert endpoint.publishing_ms == 250
    assert [(one.text, one.monitoring.said()) for one in endpoint.nodes] == [
        ("ns=3;s=Press7.Speed", {}),
        ("i=2258", {}),
        (
            "nsu=urn:plant;s=Oil.Temperature",
            {
                "sampling_ms": 1000.0,
                "queue_size": 50,
                "discard": Discard.NEWEST,
                "trigger": Trigger.STATUS_VALUE_TIMESTAMP,
                "deadband": Deadband(2.5, True),
            },
        ),
        ("nsu=urn:else%3Bwhere;s=p", {"sampling_ms": 100.0}),
    ]
    assert any("security and users" in note for note in found.notes)
    assert "somebody-else" not in "".join(found.notes)


def test_the_other_input_reads_in_cycles() -> None:
    polled = LISTENER.replace("opcua_listener", "opcua").replace('subscription_interval = "250ms"', "")
    found = of_telegraf(polled, "telegraf.conf").endpoints[URL]
    assert {one.monitoring.poll_ms for one in found.nodes} == {2000.0}
    own = polled.replace('name = "press"', 'interval = "1m30s"')
    assert {one.monitoring.poll_ms for one in of_telegraf(own, "t").endpoints[URL].nodes} == {90_000.0}


def test_what_cannot_be_had_is_told() -> None:
    text = LISTENER + '\n  [inputs.opcua_listener.events]\n    namespace = "1"\n  [inputs.opcua_listener.strange]\n'
    notes = " | ".join(of_telegraf(text, "telegraf.conf").notes)
    assert "events (in 1 place) cannot be had: use --events" in notes
    assert "unknown keys, not used: strange" in notes


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[agent]", "[agent", "no TOML"),
        ('namespace="3", ', "", "node 1 has no namespace"),
        ('identifier="2258"', 'identifier="x"', "is not a NodeId"),
        ('endpoint = "opc.tcp://10.1.4.7:4840"', "", "endpoint is missing"),
        ('"250ms"', '"soon"', "is no duration"),
        ('"Percent"', '"Relative"', "deadband_type"),
        ('"StatusValueTimestamp"', '"Sometimes"', "is no trigger"),
        ("queue_size = 50", "queue_size = -1", "is no queue size"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(old: str, new: str, words: str) -> None:
    assert old in LISTENER
    with pytest.raises(UsageError, match=words):
        of_telegraf(LISTENER.replace(old, new), "telegraf.conf")


def test_no_node_at_all_is_an_error_not_everything() -> None:
    with pytest.raises(UsageError, match="names no node"):
        of_telegraf(f'[[inputs.opcua_listener]]\nendpoint = "{URL}"\n', "telegraf.conf")


@given(
    st.sampled_from(["nodes", "group", "endpoint", "monitoring_params", "subscription_interval"]), st.text(max_size=9)
)
def test_anything_under_a_key_is_read_or_refused(key: str, text: str) -> None:
    for value in (f"[{{ {key} = 1 }}]", '"x"', "1", "{ }", "[1]"):
        try:
            of_telegraf(f"[[inputs.opcua]]\n{key} = {value}\n# {text.encode('unicode_escape').decode()}", "t")
        except OmptoolError as error:
            assert error.message.startswith("t")
