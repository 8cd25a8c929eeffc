"""Windows per machine as one pass over all of them, for an engine that keeps rows in the order of a subquery. Pure.

A recipe's statement names machine and order in each window, so that every engine answers it alike. What sorts once, and
carries along what lasts while rows go by, takes half the time.
"""

from __future__ import annotations

import re

_WINDOWS = re.compile(
    r"FROM (?P<rows>\w+)\s+WINDOW machine AS \(PARTITION BY m ORDER BY (?P<order>[^()]+?)\),"
    r"\s+so_far AS \(PARTITION BY m ORDER BY (?P=order)\s+ROWS "
)
_ONE_PASS = r"FROM (SELECT * FROM \g<rows> ORDER BY m, \g<order>) in_order WINDOW machine AS (), so_far AS (ROWS "


def in_one_pass(ctes: str) -> str:
    """The same CTEs, whose windows `machine` and `so_far` are one pass over rows in their order.

    Their text minds that another machine may stand before and behind: each begins with a row that says nothing, and
    what comes next is only taken from the same one.
    """
    return _WINDOWS.sub(_ONE_PASS, ctes)
