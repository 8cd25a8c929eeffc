"""What `convert` does once the rows are in the lake: `--delete-after`, `--remodel`, `--compact`, `--vacuum`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from omptool.cli import diagnostics
from omptool.cli.convert_words import plural, print_facts, size_text
from omptool.cli.exits import ExitCode
from omptool.cli.narrow import timed
from omptool.errors import NotFound, UsageError
from omptool.store import remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omptool.lake.convert import Recording
    from omptool.model.plant import PlantModel
    from omptool.store.location import Location


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was asked for; `keep` as typed."""

    remodel: bool = False
    compact: bool = False
    wide: str | None = None
    vacuum: bool = False
    keep: str | None = None

    def __post_init__(self) -> None:
        if self.keep is not None and not self.vacuum:
            raise UsageError("--keep says what --vacuum leaves", "add --vacuum, or leave out --keep")

    @property
    def is_asked(self) -> bool:
        return self.remodel or self.compact or self.vacuum or self.wide is not None

    def names(self) -> str:
        """The flags, for messages."""
        return " ".join(f"--{name}" for name in ("remodel", "compact", "wide", "vacuum") if getattr(self, name))


def run(
    upkeep: Upkeep, lake: Location, plant: PlantModel | None, display: diagnostics.Progress, *, dry_run: bool
) -> None:
    """Do it and say what was done.

    Raises:
        NotFound: there is no lake.
        UsageError: `--remodel` without a model, or a `--keep` that cannot be.
        Busy, DiskFull, LakeError: as the steps say.
    """
    from omptool.lake.layout import is_lake

    if not is_lake(lake):
        first = f"make one first:  omptool convert CAPTURE -o {diagnostics.typed(lake)}"
        raise NotFound(f"{upkeep.names()}: there is no lake {lake}", first)
    if upkeep.remodel:
        _remodel(lake, plant, display, dry_run)
    if upkeep.compact:
        _compact(lake, display, dry_run)
    if upkeep.wide is not None:
        _wide(upkeep.wide, lake, display, dry_run)
    if upkeep.vacuum:
        _vacuum(upkeep.keep, lake, dry_run)


def delete(
    recordings: Sequence[Recording], lake: Location, display: diagnostics.Progress, *, dry_run: bool
) -> ExitCode:
    """Delete the captures that are in the lake whole, and say of every other one why it stays.

    Returns:
        PARTIAL when one stays that is not just still being written.
    """
    from omptool.lake.discharge import RUNNING, discharge
    from omptool.sources.capture import CaptureSource

    code = ExitCode.OK
    for capture in {getattr(one, "path", one): one for one in recordings}.values():  # each once, however often named
        name = capture.label
        if not isinstance(capture, CaptureSource):
            diagnostics.note(f"kept {name}: it is no capture")
            code = ExitCode.PARTIAL
            continue
        if remote.is_remote(name):
            diagnostics.note(f"kept {name}: only captures on this computer are deleted")
            code = ExitCode.PARTIAL
            continue
        if dry_run:
            diagnostics.note(f"would delete {name} if every row of it is in {lake}")
            continue
        display.update([f"holding {name} against {lake}"], {"source": name}, force=True)
        why = discharge(capture.path, capture, lake)
        display.clear()
        print_facts({"step": "delete", "source": name, "deleted": not why, "reason": why or None})
        if not why:
            diagnostics.note(f"deleted {name}: {plural(capture.capture.rows, 'row')}, each found again in {lake}")
            continue
        diagnostics.note(f"kept {name}: {why}")
        code = code if why == RUNNING else ExitCode.PARTIAL
    return code


def _remodel(lake: Location, plant: PlantModel | None, display: diagnostics.Progress, dry_run: bool) -> None:
    if plant is None:
        raise UsageError("--remodel needs a plant model", "name it: --plant plant.toml")
    if dry_run:
        diagnostics.note(f"would place every row of {lake} by this plant model")
        return
    from omptool.lake.remodel import remodel

    def show(view: str, files: int, total: int) -> None:
        display.update([f"remodelling {lake}   {view}: {files:,} of {total:,} files"], {"view": view, "files": files})

    report = remodel(lake, plant, on_progress=show)
    display.clear()
    print_facts({"step": "remodel", **asdict(report)})
    if not report.files:
        diagnostics.note(f"{lake}: every row stands where this plant model says")
        return
    diagnostics.note(
        f"{lake}: {plural(report.nodes, 'node')} placed anew, {plural(report.files, 'file')} with"
        f" {plural(report.rows, 'row')} rewritten in {report.seconds:.1f} s"
    )


def _compact(lake: Location, display: diagnostics.Progress, dry_run: bool) -> None:
    from omptool.lake.compact import Progress, compact, plan

    if dry_run:
        files = sum(plan(lake).values())
        diagnostics.note(f"would rewrite {plural(files, 'file')} of {lake}")
        return

    def show(state: Progress) -> None:
        line = f"compacting {lake}   {state.view}: {state.rows:,} of {state.total:,} rows"
        display.update([line], {"view": state.view, "rows": state.rows, "total": state.total})

    report = compact(lake, on_progress=show)
    display.clear()
    print_facts({"step": "compact", **asdict(report)})
    if not report.files:
        diagnostics.note(f"{lake} is compact")
        return
    removed = f", {plural(report.duplicates, 'duplicate')} removed" if report.duplicates else ""
    diagnostics.note(
        f"{lake}: {plural(report.files, 'file')} of {size_text(report.size)} → {plural(report.files_now, 'file')} of"
        f" {size_text(report.size_now)}{removed}, in {report.seconds:.1f} s",
        f"readers of older versions keep the old ones until:  omptool convert {diagnostics.typed(lake)} --vacuum",
    )


def _wide(every: str, lake: Location, display: diagnostics.Progress, dry_run: bool) -> None:
    from omptool.lake import wide
    from omptool.model.times import parse_duration

    step = timed("--wide", parse_duration, every)
    if dry_run:
        diagnostics.note(f"would make a grid of {every} from the telemetry of {lake}")
        return

    def show(done: int, total: int) -> None:
        display.update([f"making the grid of {every}   {done:,} of {total:,} files"], {"files": done, "total": total})

    report = wide.make(lake, step, on_progress=show)
    display.clear()
    print_facts({"step": "wide", **asdict(report)})
    if not report.files:
        diagnostics.note(f"{lake}: {report.table} is up to date")
        return
    kept = f", {plural(report.kept, 'file')} kept" if report.kept else ""
    left = f" ({plural(report.left_out, 'tag')} of arrays left out)" if report.left_out else ""
    diagnostics.note(
        f"{lake}: {report.table}, {plural(report.rows, 'row')} of {plural(report.tags, 'tag')}{left}{kept}"
        f" in {report.seconds:.1f} s",
        f'next: omptool query "from {report.table} limit 10" --on {diagnostics.typed(lake)}',
    )


KEEP_TEXT = "7d"


def _vacuum(keep: str | None, lake: Location, dry_run: bool) -> None:
    from datetime import UTC, datetime, timedelta

    from omptool.lake.vacuum import KEEP, vacuum
    from omptool.model.times import parse_duration

    nothing = keep in ("0", "0s")  # which is no duration elsewhere
    age = timedelta(0) if nothing else KEEP if keep is None else timed("--keep", parse_duration, keep)
    report = vacuum(lake, keep=age, now=datetime.now(UTC), dry_run=dry_run)
    if not dry_run:
        print_facts({"step": "vacuum", **asdict(report)})
    would = "would remove" if dry_run else "removed"
    diagnostics.note(
        f"{lake}: {would} {plural(report.files, 'file')}, {size_text(report.size)}, that"
        f" {'the newest version does not need' if nothing else f'no version of the last {keep or KEEP_TEXT} needs'}"
    )
