"""What Spark or Sail finds in the plain files of a lake, as JSON. Runs in an environment of its own, without omptool.

    python ask.py spark|sail LAKE

The steps are those of docs/how-to/lake.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

VIEWS = ("telemetry", "nodes", "events", "gaps", "journal")


def session(engine: str) -> tuple[Any, Any]:
    """A session, and the server that must outlive it."""
    if engine == "sail":
        from pysail.spark import SparkConnectServer

        server = SparkConnectServer("127.0.0.1", 0)
        server.start()
        _, port = server.listening_address
        return SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate(), server
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate(), None


def views(spark: Any, lake: Path) -> None:
    """Every view that has rows; folder names are text: `site=007` is no number."""
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    for path in lake.iterdir():
        if path.is_dir() and any(path.rglob("*.parquet")):
            spark.read.parquet(str(path)).createOrReplaceTempView(path.name)


def asked(spark: Any, statement: str) -> list[list[object]]:
    return [[value if isinstance(value, int | None) else str(value) for value in row]
            for row in spark.sql(statement).collect()]  # fmt: skip


def facts(spark: Any, lake: Path) -> dict[str, object]:
    moment = "date_format({}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')"
    first, last = moment.format("min(time)"), moment.format("max(time)")
    return {
        "schema": {f.name: f.dataType.simpleString() for f in spark.table("telemetry").schema.fields},
        "rows": asked(spark, "SELECT count(*), sum(seq), count(value), count(DISTINCT node_id) FROM telemetry"),
        "days": asked(
            spark,
            f"SELECT site, date, count(*), {first}, {last} FROM telemetry GROUP BY site, date ORDER BY site, date",
        ),
        "odd": asked(
            spark,
            "SELECT seq, value_exact, value_text, hex(raw), size(value_list), isnan(value) FROM telemetry"
            " WHERE seq <= 2 ORDER BY seq",
        ),
        "joined": asked(
            spark,
            "SELECT n.browse_name, count(*) FROM telemetry t JOIN nodes n ON t.server = n.server"
            " AND t.node_id = n.node_id WHERE t.machine = 'Press1' GROUP BY n.browse_name ORDER BY n.browse_name",
        ),
        "views": {view: asked(spark, f"SELECT count(*) FROM {view}") for view in VIEWS if _is_view(spark, view)},
        "derived": {
            name: asked(spark, f"SELECT count(*) FROM {name}")
            for name in sorted(path.name for path in lake.iterdir())
            if name.startswith(("wide_", "struct_"))
        },
    }


def _is_view(spark: Any, name: str) -> bool:
    return any(table.name == name for table in spark.catalog.listTables())


def main() -> None:
    engine, lake = sys.argv[1], Path(sys.argv[2])
    spark, server = session(engine)
    views(spark, lake)
    sys.stdout.write(json.dumps(facts(spark, lake)) + "\n")
    sys.stdout.flush()
    spark.stop()
    if server is not None:
        server.stop()


if __name__ == "__main__":
    main()
