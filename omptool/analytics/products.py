"""Rows by product: which products a machine says, and which analyses can tell them apart.

Time and parts belong to the product that a tag of the role `product` says at their moment. In gaps, before its first
value and while it is Bad the product is not known: that is a row of its own, whose product is null.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from omptool.analytics import catalog
from omptool.analytics.binding import Bound
from omptool.analytics.recipe import Recipe
from omptool.errors import UsageError
from omptool.model.listing import listed
from omptool.sql.engine import Engine

ROLE = "product"
_LABELS = """SELECT DISTINCT product FROM (
  SELECT t.time, coalesce(t.value_text, CAST(t.value_exact AS VARCHAR), CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR))
         AS product, rank() OVER (PARTITION BY t.server, t.node_id, t.time >= $start ORDER BY t.time DESC) AS back
  FROM telemetry t JOIN (
    SELECT unnest(CAST($servers AS VARCHAR[])) AS server, unnest(CAST($node_ids AS VARCHAR[])) AS node_id
  ) b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time < $end AND t.quality <> 'Bad'
) told WHERE time >= $start OR back = 1"""


def check(recipe: Recipe) -> None:
    """Refuse an analysis that books nothing to products.

    Raises:
        UsageError: it has no rows by product; the hint names those that have.
    """
    if recipe.by_product:
        return
    can = ", ".join(name for name in catalog.names() if catalog.load(name).by_product)
    own = "it compares products as it is" if recipe.role(ROLE) else "what it counts belongs to no product"
    raise UsageError(f"{recipe.name} has no rows by product: {own}", f"--by product goes with {can}")


def labels(engine: Engine, bound: Sequence[Bound], start: datetime, end: datetime) -> list[str]:
    """The products that were said in the window, or last before it, in order: of years of orders few are of a day."""
    nodes = sorted({(one.server, one.node_id) for one in bound if one.role == ROLE})
    given = {
        "servers": [node[0] for node in nodes],
        "node_ids": [node[1] for node in nodes],
        "start": start,
        "end": end,
    }
    found = engine.run(_LABELS, given).read_all()["product"].to_pylist()
    return sorted(filter(None, found))


def notes(bound: Sequence[Bound]) -> Iterator[str]:
    """Which machines say no product."""
    saying = {one.place for one in bound if one.role == ROLE}
    silent = sorted({one.place[3] for one in bound if one.place not in saying})
    if silent:
        yield f"no tag has the role product in {listed(silent)}: their rows have no product"
