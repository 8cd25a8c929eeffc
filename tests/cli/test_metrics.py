"""What a stranger may send to the page of metrics: it is turned away, and nobody hears of it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.recording.terms import Progress
from omptool.cli.metrics import Metrics


async def answers(requests: list[bytes], folder: Path, address: Any) -> tuple[list[bytes], list[dict[str, Any]]]:
    """What each request gets, and what the event loop complained of."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    got = []
    async with Metrics(("127.0.0.1", 0), Progress([]), folder) as serving:
        host, port = address(serving)
        for request in requests:
            reader, writer = await asyncio.open_connection(host, port)
            answer = b""
            with contextlib.suppress(ConnectionError):
                writer.write(request)
                await writer.drain()
                answer = await reader.read()
            writer.close()
            got.append(answer)
    return got, complaints


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\n" + 60_000 * b"A", 60_000 * b"\0" + b"\r\n\r\n"])
def test_a_request_without_an_end_is_turned_away_in_silence(
    request_: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def address(serving: Metrics) -> Any:
        assert serving._server is not None
        return serving._server.sockets[0].getsockname()

    got, complaints = asyncio.run(answers([request_, b"GET /metrics HTTP/1.1\r\n\r\n"], tmp_path, address))
    assert complaints == []
    assert got[0] == b"" and got[1].startswith(b"HTTP/1.1 200 OK")
    assert "Traceback" not in capsys.readouterr().err
