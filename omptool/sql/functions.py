"""The reviewed list of SQL functions: which a statement from outside may call, and why not the others. Pure.

The list is data (`functions.csv`), and a test names every function of the DuckDB in use that it does not decide about:
an upgrade is a decision.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Functions:
    """The reviewed list.

    Attributes:
        allowed: names.
        refused: name → why.
        families: beginning of a name → why all such are refused.
    """

    allowed: frozenset[str]
    refused: Mapping[str, str]
    families: Mapping[str, str]

    def why_refused(self, name: str) -> str | None:
        """Why a function is on the list of refused ones; None when it is not on it."""
        if name in self.refused:
            return self.refused[name]
        return next((why for start, why in self.families.items() if name.startswith(start)), None)


@cache
def functions() -> Functions:
    """The list in `functions.csv`; names there are lower case, `name_*` is a family."""
    allowed, refused, families = set(), {}, {}
    text = resources.files("omptool.sql").joinpath("functions.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        name, why = row["name"], row["group"]
        if row["verdict"] == "allow":
            allowed.add(name)
        elif name.endswith("_*"):
            families[name[:-1]] = why
        else:
            refused[name] = why
    return Functions(frozenset(allowed), refused, families)


def nearest(name: str) -> list[str]:
    """The function that was probably meant, if any."""
    return difflib.get_close_matches(name.casefold(), sorted(functions().allowed), n=1, cutoff=0.6)
