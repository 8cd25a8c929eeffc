"""Run as a program: enter a worker's sandbox, then try everything, without any gate and with an unlocked DuckDB.

Prints a JSON object: attempt → the name of the exception, or null when it worked.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from omptool.cloud.server import sandbox


def main(lake: Path, lake_file: Path, outside: Path, folder: Path, port: int) -> None:
    lacks = sandbox.enter(lake, folder, memory="256MiB", temporary="1MiB")
    import duckdb  # as in a worker: after the sandbox

    def sql(statement: str) -> None:
        duckdb.connect(":memory:").sql(statement)

    def scan(statement: str) -> None:
        duckdb.connect(":memory:").sql(statement).to_arrow_table()

    attempts: dict[str, Callable[[], object]] = {
        "read the lake": lake_file.read_bytes,
        "list the lake": lambda: list(lake.iterdir()),
        "scan the lake": lambda: scan(f"from read_parquet('{lake_file}')"),
        "write into its own folder": lambda: (folder / "spill").write_bytes(b"x" * 1000),
        "read another file": outside.read_bytes,
        "read a file through a link": (folder / "link").read_bytes,
        "list another folder": lambda: list(outside.parent.iterdir()),
        "read the list of users": Path("/etc/passwd").read_bytes,
        "read what another process was told": Path(f"/proc/{os.getppid()}/environ").read_bytes,
        "scan another file": lambda: scan(f"from read_text('{outside}')"),
        "write another file": lambda: outside.write_bytes(b"x"),
        "make another file": lambda: (outside.parent / "new").write_bytes(b"x"),
        "write a file of the lake": lambda: lake_file.open("r+b"),
        "cut a file of the lake": lambda: os.truncate(lake_file, 0),
        "remove a file of the lake": lake_file.unlink,
        "rename a file of the lake": lambda: lake_file.rename(lake_file.with_suffix(".x")),
        "move a file of the lake out": lambda: lake_file.rename(folder / "stolen"),
        "make a file in the lake": lambda: (lake / "new").write_bytes(b"x"),
        "make a folder in the lake": (lake / "folder").mkdir,
        "make a link in the lake": lambda: (lake / "link").symlink_to("/"),
        "COPY over a file of the lake": lambda: sql(f"copy (select 1) to '{lake_file}'"),
        "COPY into the lake": lambda: sql(f"copy (select 1) to '{lake}/new.csv'"),
        "ATTACH in the lake": lambda: sql(f"attach '{lake}/new.db' as x"),
        "COPY elsewhere": lambda: sql(f"copy (select 1) to '{outside.parent}/new.csv'"),
        "run a program": lambda: subprocess.run([sys.executable, "-c", "1"], check=True),
        "open a connection": lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close(),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "signal the server": lambda: os.kill(os.getppid(), 0),
        "fill the disk": lambda: (folder / "big").write_bytes(b"x" * (2 << 20)),
        "take memory": lambda: bytearray(2 << 30),
    }
    outcomes = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            outcomes[name] = None
        except Exception as error:  # noqa: BLE001 - which one is the result
            outcomes[name] = type(error).__name__
    core = resource.getrlimit(resource.RLIMIT_CORE)
    sys.stdout.write(json.dumps({"lacks": lacks, "outcomes": outcomes, "core": core, "nice": os.nice(0)}))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:5]), port=int(sys.argv[5]))  # type: ignore[misc]
