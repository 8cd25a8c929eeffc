"""Who answers `query` and `analyze`: an engine in this process over `--on`, or a cloud API over `--cloud`.

Both are an `Engine`; with it come the plant model in use and the zone of times without an offset, which are resolved
here, on this computer, and sent as they are meant.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omptool.cli import diagnostics, importing, settings
from omptool.errors import QueryError, UsageError

if TYPE_CHECKING:
    from omptool.config import Config
    from omptool.model.plant import PlantModel
    from omptool.sources.source import Named
    from omptool.sql.engine import Engine

_GAPS = "SELECT reason, count(*) AS windows FROM gaps WHERE state <> 'backfilled' GROUP BY reason"


@dataclass(frozen=True, slots=True)
class Asked:
    """An open engine.

    Attributes:
        model: the plant model in use: `--plant`, else the lake's copy, else plant.toml nearby; of a cloud its lake's.
        zone_name, zone: of times without offset, of tables and of days; the name is None for the system's.
        sources: what `--on` names.
        cloud: name of the cloud, None when the engine is in this process.
        moved: whether statements since it was last asked saw different versions; what is open here stays as it is.
    """

    engine: Engine
    model: PlantModel | None
    zone_name: str | None
    zone: dt.tzinfo
    sources: Sequence[Named] = ()
    cloud: str | None = None
    moved: Callable[[], bool] = lambda: False

    def moment(self, flag: str, text: str | None, now: dt.datetime) -> dt.datetime | None:
        """What `--start` or `--end` says; `shift` is where the shift of now begins or ends.

        Raises:
            UsageError: no time, or no shift goes on now.
        """
        from omptool.cli.narrow import timed
        from omptool.model.shifts import occurrences
        from omptool.model.times import parse_time

        if text is None:
            return None
        if text != "shift":
            return timed(flag, parse_time, text, now=now, zone=self.zone)
        shifts = self.model.calendar.shifts if self.model else ()
        found = occurrences(shifts, now, now + dt.timedelta(microseconds=1), self.zone)
        if not found and shifts:
            raise UsageError(
                f"no shift goes on at {now.astimezone(self.zone):%H:%M}",
                f"{flag} takes a time, today or yesterday, too",
            )
        if not found:
            raise UsageError(
                "no plant model says the shifts", 'plant.toml: [[shift]] name = "early" start = "06:00" end = "14:00"'
            )
        return found[-1].start if flag == "--start" else found[-1].end

    def say_gaps(self) -> None:
        """Say which windows may lack values."""
        from omptool.sources.source import describe_gaps

        if self.cloud is not None:
            with contextlib.suppress(QueryError):  # a courtesy: the statement itself will say what is wrong
                found = self.engine.run(_GAPS).read_all().to_pylist()
                if reasons := {row["reason"]: row["windows"] for row in found}:
                    said = describe_gaps(self.cloud, reasons, "--cloud")
                    diagnostics.note(f"note: {said}")
            return
        for named in self.sources:
            if reasons := dict(named.source.gap_reasons()):
                diagnostics.note(f"note: {describe_gaps(named.source.label, reasons)}")


@dataclass(frozen=True, slots=True)
class Asking:
    """What the command line says about who answers.

    Attributes:
        tz: `--tz` as typed.
        session_tz: zone of the SQL session; None is UTC.
        maps, server: what is said about files of other tools.
        decode_once: many questions come; what every scan would decode anew is kept in a file for as long as they do.
    """

    on: Sequence[str]
    cloud: str | None
    plant: Path | None
    input_format: str | None
    tz: str | None
    session_tz: str | None = None
    repeatable: bool = False
    maps: Sequence[str] = ()
    server: str | None = None
    decode_once: bool = False

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: a cloud and something that only an engine in this process takes.
        """
        if self.cloud is None:
            return
        if self.on:
            raise UsageError(
                "--on and --cloud are given",
                "a cloud answers from its own telemetry, nodes, events, gaps and journal: leave out one of them",
            )
        if self.plant is not None:
            raise UsageError(
                "--plant and --cloud are given", "a cloud uses the plant model that its lake was made with"
            )
        if self.input_format is not None:
            raise UsageError("--input-format and --cloud are given", "a cloud has tables, not files")
        if self.maps or self.server is not None:
            raise UsageError(f"{'--map' if self.maps else '--server'} and --cloud are given", "that is for files")

    @contextlib.contextmanager
    def opened(self, loaded: Config) -> Iterator[Asked]:
        """The engine, until the block ends; what still runs then is stopped."""
        if self.tz:
            settings.zone(self.tz)  # a zone that does not exist is said before anybody is asked
        with self._cloud(loaded, self.cloud) if self.cloud is not None else self._local(loaded) as asked:
            yield asked

    @contextlib.contextmanager
    def _cloud(self, loaded: Config, cloud: str) -> Iterator[Asked]:
        config = loaded.cloud(cloud)
        from omptool.cloud.client import CloudEngine

        with CloudEngine(config, tz=self.session_tz, repeatable=self.repeatable) as engine:
            model = engine.plant()
            if model is not None:
                settings.check_plant_zone(model, f"plant model of cloud {cloud}")
            name = settings.zone_name(self.tz, model)
            yield Asked(engine, model, name, settings.zone(name)[0], cloud=cloud, moved=engine.moved)

    @contextlib.contextmanager
    def _local(self, loaded: Config) -> Iterator[Asked]:
        from omptool.sources.decoded import decoded
        from omptool.sources.resolve import plant_of_lakes, resolve_all
        from omptool.sql.engine import LocalEngine

        nearby = settings.plant(self.plant)
        model = nearby if self.plant else (plant_of_lakes(self.on) or nearby)
        name = settings.zone_name(self.tz, model)
        zone = settings.zone(name)[0]
        given = importing.zone_of(self.tz, model.zone if model else None)
        foreign = importing.options(self.maps, self.server, given, wants_telemetry=bool(self.maps))
        sources = resolve_all(
            list(self.on), input_format=self.input_format, plant=model, servers=loaded.servers, zone=zone,
            foreign=foreign,
        )  # fmt: skip
        with (
            decoded(sources) if self.decode_once else contextlib.nullcontext(sources) as scanned,
            LocalEngine(scanned, tz=self.session_tz, repeatable=self.repeatable, memory=loaded["sql.memory"]) as engine,
        ):
            yield Asked(engine, model, name, zone, sources)
