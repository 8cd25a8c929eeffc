"""Makes `sample_data/` anew, byte for byte: `python -m omptool.demo.make_samples [DIR]`.

Everything but the READMEs comes from here. The same versions of pyarrow and zstd give the same bytes on every computer;
tests/constraints.txt says which. Takes some twenty seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from omptool.capture.reader import Capture
from omptool.demo import sample_answers, sample_capture, sample_lake
from omptool.demo.sample_plans import RECORDINGS, SEED, Recording
from omptool.demo.samples import ABOUT, folder
from omptool.demo.schedule import Plant
from omptool.demo.truth import time_text
from omptool.model.plant import PlantModel


def make(samples: Path) -> None:
    """Write every sample below the folder `samples`; what it made before is replaced, anything else stays."""
    plant = Plant(SEED)
    for recording in RECORDINGS:
        _make(plant, recording, samples / recording.name)


def _make(plant: Plant, recording: Recording, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    capture, lake, answers = target / f"{recording.name}.omcap", target / "lake", target / "answers"
    for made in (capture, lake, answers):
        shutil.rmtree(made, ignore_errors=True)
    (target / "plant.toml").write_text(recording.plant_toml, "utf-8", newline="\n")
    sample_capture.write(plant, recording, capture)
    sample_lake.write(recording, capture, lake, PlantModel.parse(recording.plant_toml))
    sample_answers.write(plant, recording, answers)
    recorded = Capture.open(capture)
    about = {
        "title": recording.title,
        "tags": sum(1 for entry in recorded.nodes() if entry.handle and entry.node.node_class == "Variable"),
        "rows": recorded.rows,
        "start": time_text(recording.start),
        "end": time_text(recording.end),
    }
    (target / ABOUT).write_text(json.dumps(about, indent=1) + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser("python -m omptool.demo.make_samples", description="Makes the samples anew.")
    arguments.add_argument("dir", nargs="?", type=Path, default=folder(), help="where; else where they lie now")
    make(arguments.parse_args().dir)
