"""Both emulators, each started once, and a place of its own in them for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from omptool.config.stores import NOWHERE
from omptool.store import access, location, objects
from omptool.store.remote import Remote
from tests.store import emulators
from tests.store.emulators import Store


@pytest.fixture(scope="session")
def running_s3() -> Iterator[Store]:
    with emulators.s3() as store:
        yield store


@pytest.fixture(scope="session")
def running_azure() -> Iterator[Store]:
    with emulators.azure() as store:
        yield store


@pytest.fixture(params=["s3", pytest.param("azure", marks=pytest.mark.full)])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Each of them in turn, in fair weather, with this process let in. Beside the first test, Azure is for `--full`."""
    found: Store = request.getfixturevalue(f"running_{request.param}")
    for name, value in emulators.clean(found.environment).items():
        monkeypatch.setenv(name, value)
    access.use(NOWHERE)
    objects.forget()
    found.weather.clear()
    yield found
    found.weather.clear()
    objects.forget()


@pytest.fixture
def at(store: Store, request: pytest.FixtureRequest) -> Callable[[str], Remote]:
    """A name below the test's own prefix."""
    prefix = "".join(character if character.isalnum() else "-" for character in request.node.name)

    def named(name: str) -> Remote:
        found = location.location(f"{store.root}/{prefix}/{name}")
        assert isinstance(found, Remote)
        return found

    return named
