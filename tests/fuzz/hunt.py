"""Coverage-guided fuzzing of one target: `python -m tests.fuzz.hunt TARGET SECONDS CORPUS`.

A process of its own, because libFuzzer ends it. Exit 0 when the time was up and nothing was found; what was found lies
beside the corpus as `crash-…`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["omptool"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Run until the time is up."""
    name, seconds, corpus = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    target = TARGETS[name]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1",
        f"-artifact_prefix={corpus.parent}/",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
