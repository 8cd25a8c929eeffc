"""A plain table as a spreadsheet of half of Europe writes it: 25,0009."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result

Run = Callable[..., Result]
NUMBERS = ["25.0009", "24.991", "25.0125", "25.003", "24.9987", "25.0061"]
SPELLED = [text.replace(".", ",") for text in NUMBERS]


def _written(folder: Path, name: str, texts: list[str]) -> None:
    rows = "".join(f"{place // 2};{text};Anna\n" for place, text in enumerate(texts))
    (folder / name).write_text(f"Lot No;Bore (mm);Operator\n{rows}", encoding="utf-8")


@pytest.mark.parametrize(
    "asked",
    [
        ["i_mr"],
        ["capability", "--param", "usl=25.1"],
        ["xbar_r", "--map", "subgroup=Lot No"],
        ["ewma"],
        ["cusum", "--param", "target=25"],
        ["spc_rules"],
        ["drift"],
        ["tool_wear"],
    ],
)
def test_a_decimal_comma_gives_the_same_rows_as_a_point(invoke: Run, tmp_path: Path, asked: list[str]) -> None:
    for name, texts in (("x.csv", NUMBERS), ("y.csv", SPELLED)):
        _written(tmp_path, name, [*texts, ""])
    points, commas = (
        invoke("analyze", *asked, "--map", "value=Bore (mm)", "--on", name) for name in ("x.csv", "y.csv")
    )
    assert commas.rows == points.rows and commas.code == points.code
    assert "note: numbers of Bore (mm) are read with a decimal comma" in commas.err and "comma" not in points.err


def test_words_among_them_are_left_out_and_counted(invoke: Run, tmp_path: Path) -> None:
    _written(tmp_path, "x.csv", [*SPELLED, "broken", "1,5,2"])
    result = invoke("analyze", "i_mr", "--map", "value=Bore (mm)", "--on", "x.csv")
    assert result.code == 3 and len(result.rows) == 6
    assert "2 of 8 rows of x are left out: no number in Bore (mm)" in result.err


@pytest.mark.parametrize("texts", [["25,012", "24,998", "25,003"], ["1,500", "2,250"], ["25,01", "24.99"]])
def test_what_may_be_thousands_is_not_guessed(invoke: Run, tmp_path: Path, texts: list[str]) -> None:
    """The command that reads them is there to be typed, and works."""
    _written(tmp_path, "x.csv", texts)
    result = invoke("analyze", "i_mr", "--map", "value=Bore (mm)", "--on", "x.csv")
    assert result.code == 3 and "decimal comma;" not in result.err and "read with a decimal" not in result.err
    if "where these are decimal commas" in result.err:
        command = result.err.split("decimal commas: omptool ")[1].splitlines()[0]
        words = [{"FILE": "x.csv", "NEW.csv": "new.csv"}.get(word, word) for word in shlex.split(command)]
        assert invoke(*words).code == 0
        rows = invoke("analyze", "i_mr", "--map", "value=Bore (mm)", "--on", "new.csv").rows
        assert [row["value"] for row in rows] == [float(text.replace(",", ".")) for text in texts]


def test_roles_that_need_numbers_read_commas_too(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("pbt;apt;pri;pq;gq\n100,5;80,25;1;70;69\n", encoding="utf-8")
    (tmp_path / "y.csv").write_text("pbt;apt;pri;pq;gq\n100.5;80.25;1;70;69\n", encoding="utf-8")
    spelled, plain = (invoke("analyze", "oee", "--on", name) for name in ("x.csv", "y.csv"))
    assert spelled.rows == plain.rows and spelled.rows
    assert spelled.err.count("are read with a decimal comma") == 2
