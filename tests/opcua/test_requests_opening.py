"""Requests that are packed by hand mean to asyncua what was meant."""

from __future__ import annotations

import pytest
from asyncua import ua

from omptool.opcua import hooks, requests_opening
from omptool.opcua.requests import encode_node_id
from tests.opcua.subscription_script import decoded

FILTER = ua.DataChangeFilter(ua.DataChangeTrigger.StatusValueTimestamp, ua.UInt32(1), 0.5)


def test_endpoints_are_asked_for_at_the_address() -> None:
    asked = decoded(requests_opening.get_endpoints("opc.tcp://press7:4840")).Parameters
    assert (asked.EndpointUrl, asked.LocaleIds, asked.ProfileUris) == ("opc.tcp://press7:4840", [], [])


def test_a_session_says_who_asks() -> None:
    who = requests_opening.Client("urn:gateway:omptool", "urn:omptool", "omptool")
    asked = decoded(requests_opening.create_session("opc.tcp://press7:4840", who, b"n" * 32, 120_000.0)).Parameters
    assert asked.ClientDescription == ua.ApplicationDescription(
        ApplicationUri="urn:gateway:omptool",
        ProductUri="urn:omptool",
        ApplicationName=ua.LocalizedText("omptool"),
        ApplicationType=ua.ApplicationType.Client,
        DiscoveryUrls=[],
    )
    assert (asked.EndpointUrl, asked.SessionName) == ("opc.tcp://press7:4840", "omptool Session1")
    assert (asked.ClientNonce, asked.ClientCertificate) == (b"n" * 32, None)
    assert (asked.RequestedSessionTimeout, asked.MaxResponseMessageSize) == (120_000.0, 0)


def test_nobody_in_particular_logs_in() -> None:
    asked = decoded(requests_opening.activate_anonymously("open")).Parameters
    assert asked.UserIdentityToken == ua.AnonymousIdentityToken(PolicyId="open")
    assert asked.LocaleIds == ["en"]
    assert not asked.ClientSignature.Signature and not asked.UserTokenSignature.Signature


def test_a_subscription() -> None:
    asked = decoded(requests_opening.create_subscription(250.0, 600, 8, 10_000)).Parameters
    assert asked == ua.CreateSubscriptionParameters(250.0, 600, 8, 10_000, True, 0)


@pytest.mark.parametrize("wanted", [None, FILTER])
def test_items(wanted: ua.DataChangeFilter | None) -> None:
    asked_filter = requests_opening.NO_FILTER if wanted is None else hooks.encode_structure(wanted)
    item = requests_opening.Item(encode_node_id(2, "Line1.Oil"), 13, 77, 100.0, asked_filter, 40, False)
    asked = decoded(requests_opening.create_items(9, [item, item._replace(handle=78, discards_oldest=True)])).Parameters
    assert (asked.SubscriptionId, asked.TimestampsToReturn) == (9, ua.TimestampsToReturn.Both)
    first, second = asked.ItemsToCreate
    assert first.ItemToMonitor.NodeId == ua.NodeId("Line1.Oil", 2)
    assert (first.ItemToMonitor.AttributeId, first.ItemToMonitor.IndexRange) == (13, None)
    assert first.MonitoringMode is ua.MonitoringMode.Reporting
    parameters = first.RequestedParameters
    assert (parameters.ClientHandle, parameters.SamplingInterval, parameters.QueueSize) == (77, 100.0, 40)
    assert (parameters.DiscardOldest, second.RequestedParameters.DiscardOldest) == (False, True)
    assert repr(parameters.Filter) == repr(wanted or ua.ExtensionObject())
    assert second.RequestedParameters.ClientHandle == 78
