"""Machines, the groups that rows are for, and periods as numbers: what SQL sorts and joins must be small. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pyarrow as pa

from omptool.analytics.binding import Bound
from omptool.analytics.books import Books
from omptool.analytics.periods import PLACES
from omptool.analytics.recipe import Recipe
from omptool.model.contracts import TIME
from omptool.model.times import unix_us

_NEXT_DAY = timedelta(days=1)
"""Behind the end of a window, in which a capture that goes on has values."""


def numbered(
    bound: Sequence[Bound],
    places: Sequence[str],
    products: Sequence[str] | None = None,
    books: Books | None = None,
) -> dict[str, object]:
    """Parameters of the CTEs `bound`, `stands` and `groups` of parts/window.sql, and of the products in timeline.sql.

    Args:
        places: columns of the place that a row is for; the others are null.
        products: what rows are told apart by; every place has a group for each, and one for no product.
        books: what plant.toml says of single machines.
    """
    books = books or Books.of(None, bound)
    kept = list({(one.role, one.server, one.node_id, one.place[0], one.place[3]): one for one in bound}.values())
    # in the order of a lake's rows: what is stored so is sorted by these numbers already
    nodes = {place: number for number, place in enumerate(sorted(range(len(kept)), key=lambda at: kept[at][1:3]))}
    machines = {place: number for number, place in enumerate(dict.fromkeys(one.place for one in kept))}
    shown = [
        tuple(text if name in places else None for name, text in zip(PLACES, place, strict=True)) for place in machines
    ]
    groups = {group: number for number, group in enumerate(dict.fromkeys(shown))}
    several = [None, *(products or ())]
    whole = [(*group, product) for group in groups for product in several]
    columns = list(zip(*whole, strict=True)) if whole else [()] * (len(PLACES) + 1)
    return {
        "nodes": [nodes[at] for at in range(len(kept))],
        "machines": [machines[one.place] for one in kept],
        "bound_sites": [one.place[0] for one in kept],
        "bound_machines": [one.place[3] for one in kept],
        "roles": [one.role for one in kept],
        "servers": [one.server for one in kept],
        "node_ids": [one.node_id for one in kept],
        "needed": [one.needed for one in kept],
        "books": [books.of_node(one) for one in kept],
        "nested": [one.voice.nested for one in kept],
        "places": list(machines.values()),
        "place_groups": [groups[group] for group in shown],
        "place_calendars": [books.calendars.get(place, 0) for place in machines],
        "groups": list(range(len(whole))),
        "sites": list(columns[0]),
        "areas": list(columns[1]),
        "lines": list(columns[2]),
        "machine_names": list(columns[3]),
        "group_products": list(columns[4]),
        "products": list(products or ()),
        "product_numbers": list(range(1, len(several))),
        "product_count": len(several),
        "machine_count": len(machines),
    }


def windowed(cuts: Sequence[datetime], end: datetime) -> dict[str, object]:
    """Parameters of the CTEs `periods` and `heard`."""
    return {
        "cuts": list(cuts),
        "cut_nanos": [unix_us(cut) * 1000 for cut in cuts],
        "start": cuts[0],
        "end": end,
        "until": end,
        "later": end + _NEXT_DAY,
        "end_nanos": unix_us(end) * 1000,
    }


def finished(recipe: Recipe, rows: pa.Table, given: Mapping[str, Any], keys: Sequence[str]) -> pa.Table:
    """The result of a recipe with a finishing step: its columns behind those of the place and the window.

    Args:
        rows: of the recipe's SQL, in its order.
        given: what the SQL was given; the step gets it too.
        keys: columns before the recipe's own.
    """
    step = import_module(f"omptool.analytics.finish.{recipe.finish}")
    found: pa.Table = step.finish(rows, given)
    parameters = ("sites", "areas", "lines", "machine_names", "group_products")
    names = dict(zip((*PLACES, "product"), parameters, strict=True))
    ends = [*given["cuts"][1:], given["end"]]
    group, period = found["g"].combine_chunks(), pa.array([p - 1 for p in found["p"].to_pylist()], pa.int64())
    columns = {place: pa.array(given[name], pa.string()).take(group) for place, name in names.items()}
    columns["start"] = pa.array(given["cuts"], TIME).take(period)
    columns["end"] = pa.array(ends, TIME).take(period)
    own = {column.name: found[column.name] for column in recipe.columns}
    table = pa.table({**{key: columns[key] for key in keys}, **own})
    return table.sort_by([(key, "ascending") for key in [*keys[:-1], *recipe.labels]])
