"""What a page of `report` costs: a day of machines in a lake, 100,000 values each.

    python -m tests.bench.bench_report [--machines N] [--keep DIR]

Wall time, CPU time and peak memory of one `omptool report` in a process of its own, and the size of the page. Goals,
with 200 machines (20 million rows): at most 15 s, at most 5 MB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.shopfloor import FAMILY, lake_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="folder for the lake, which a later run takes again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_of(options.keep or Path(folder), options.machines, FAMILY)
        page = Path(folder) / "page.html"
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "omptool", "report", str(lake), "-o", str(page)], check=False)
        taken = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, 3):
            sys.exit(f"report ended with {done.returncode}")
        lines = (
            f"{options.machines * sum(FAMILY.values()):,} rows of {options.machines} machines",
            f"{taken:.1f} s wall, {used.ru_utime + used.ru_stime:.1f} s CPU, {used.ru_maxrss / 1000:,.0f} MB at most",
            f"page of {page.stat().st_size / 1e6:.2f} MB",
        )
        sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
