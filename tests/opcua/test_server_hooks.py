"""What our server relies on inside asyncua's: all of it listed, all of it there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemService
from asyncua.server.server import Server
from asyncua.server.subscription_service import SubscriptionService
from asyncua.server.uaprocessor import UaProcessor

from omptool.opcua.serving import hooks as server_hooks

MODULES = [
    Path(server_hooks.__file__).with_name(name)
    for name in (
        "server.py",
        "history.py",
        "security.py",
        "subscription.py",
        "values.py",
        "address_space.py",
    )
]
LISTED = {(kind, name) for kind, names in server_hooks.PRIVATE_SERVER_HOOKS.items() for name in names}


async def _nobody(*_: object) -> None:
    """A subscriber that hears nothing."""


def _instances() -> dict[type, object]:
    server = InternalServer()
    result = ua.CreateSubscriptionResult(RevisedPublishingInterval=100.0)
    subscription = InternalSubscription(result, server.aspace, _nobody, ua.NodeId())
    return {
        InternalServer: server,
        Server: Server(iserver=server),
        InternalSubscription: subscription,
        MonitoredItemService: subscription.monitored_item_srv,
        SubscriptionService: server.subscription_service,
        UaProcessor: UaProcessor(server, MagicMock(), TransportLimits()),
    }


@pytest.mark.parametrize(("kind", "name"), sorted(LISTED, key=str), ids=lambda each: getattr(each, "__name__", each))
def test_asyncua_still_has(kind: type, name: str) -> None:
    assert hasattr(_instances()[kind], name)


def _own(tree: ast.Module) -> Iterator[str]:
    """Private names that a module gives its own things."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def test_every_private_name_of_asyncua_is_listed() -> None:
    listed = {name for _, name in LISTED}
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        private = {name for name in used if name.startswith("_") and not name.startswith("__")}
        assert private - set(_own(tree)) <= listed, path.name
