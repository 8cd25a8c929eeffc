"""Makes `sample_data/` anew, byte for byte: `python -m omptool.demo.make_samples [DIR]`.

Everything but the README comes from here. The same versions of pyarrow and zstd give the same bytes on every computer;
tests/constraints.txt says which. Takes some ten seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from omptool.capture.reader import Capture
from omptool.demo import sample_answers, sample_capture, sample_lake
from omptool.demo.sample_shift import END, SEED, START
from omptool.demo.samples import ABOUT, folder
from omptool.demo.schedule import Plant
from omptool.demo.truth import time_text
from omptool.model.plant import PlantModel

NAME = "press-line"

PLANT_TOML = """\
# Where the machines stand, the server of the line says itself (ISA-95 and Machinery).
# What it does not say is the time zone of the site.
site = "Riverside"
time_zone = "Europe/London"

# Which tags the analyses read. These are the names of OPC 40001-1 (Machinery), which omptool knows without being told.
[roles]
mode = "MachineryOperationMode/CurrentState"
good = "GoodCount"
scrap = "ScrapCount"
rework = "ReworkCount"
ideal = "IdealCycleTime"
"""


def make(samples: Path) -> None:
    """Write every sample below the folder `samples`; what it made before is replaced, anything else stays."""
    target = samples / NAME
    target.mkdir(parents=True, exist_ok=True)
    capture, lake, answers = target / f"{NAME}.omcap", target / "lake", target / "answers"
    for made in (capture, lake, answers):
        shutil.rmtree(made, ignore_errors=True)
    plant = Plant(SEED)
    (target / "plant.toml").write_text(PLANT_TOML, "utf-8", newline="\n")
    sample_capture.write(plant, capture)
    sample_lake.write(capture, lake, PlantModel.parse(PLANT_TOML))
    sample_answers.write(plant, answers)
    recorded = Capture.open(capture)
    about = {
        "title": "one shift of a press line: two presses and a packer",
        "tags": sum(1 for node in recorded.nodes() if node.handle),
        "rows": recorded.rows,
        "start": time_text(START),
        "end": time_text(END),
    }
    (target / ABOUT).write_text(json.dumps(about, indent=1) + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser("python -m omptool.demo.make_samples", description="Makes the samples anew.")
    arguments.add_argument("dir", nargs="?", type=Path, default=folder(), help="where; else where they lie now")
    make(arguments.parse_args().dir)
