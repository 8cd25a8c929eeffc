"""A report as one HTML page that needs no network. Pure: content in, text out.

What machines and people named reaches the page as escaped text or as JSON, never as markup or code; and a
Content-Security-Policy lets the browser run nothing but the scripts whose hashes it names, and fetch nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

from omptool.analytics.report.charts import CONFIG
from omptool.analytics.report.content import Figure, Report, Section, Table, Tile

_GRADES = {"good": "(good)", "poor": "(middling)", "bad": "(bad)"}
"""What a mark in colour says, for those who hear the page."""

Show = Callable[[str], str]
"""Makes control and bidirectional characters of a text visible."""


def page(report: Report, library: str, show: Show, made: str) -> str:
    """The page.

    Args:
        library: JavaScript that draws charts, for an inline script.
        show: makes invisible characters of texts visible.
        made: the line at its foot.
    """
    return "".join(_Page(show).lines(report, library, made))


def in_script(value: object) -> str:
    """JSON that cannot end the script element around it, nor be read as anything but ASCII."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _policy(scripts: Sequence[str], style: str) -> str:
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; base-uri 'none'; "
        "form-action 'none'"
    )


class _Page:
    """Writes the elements; counts the charts as it goes."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._charts: list[object] = []

    def text(self, text: str) -> str:
        return html.escape(self._show(text), quote=True)

    def lines(self, report: Report, library: str, made: str) -> Iterator[str]:
        here = files("omptool.analytics.report")
        style, script = ((here / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
        body = "".join(self._body(report, made))
        shown = [_shown(chart, self._show) for chart in self._charts]
        yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        policy = html.escape(_policy([library, script], style))
        yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        yield '<meta name="referrer" content="no-referrer">\n'
        yield f"<title>{self.text(report.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        yield body
        yield f'<script type="application/json" id="charts">{in_script({"config": CONFIG, "charts": shown})}</script>\n'
        yield f"<script>{library}</script>\n<script>{script}</script>\n</body>\n</html>\n"

    def _body(self, report: Report, made: str) -> Iterator[str]:
        yield f'<header>\n<h1><span class="show">{self.text(report.title)}</span></h1>\n<dl class="facts">'
        for name, value in report.facts:
            yield f'<div><dt>{self.text(name)}</dt><dd><span class="show">{self.text(value)}</span></dd></div>'
        yield "</dl>\n"
        if report.tiles:
            yield f'<ul class="tiles">{"".join(map(self._tile, report.tiles))}</ul>\n'
        yield '</header>\n<nav aria-label="Sections"><ul>'
        yield "".join(f'<li><a href="#{one.id}">{self.text(one.title)}</a></li>' for one in report.sections)
        yield "</ul></nav>\n<main>\n"
        for section in report.sections:
            yield from self._section(section)
        yield f'</main>\n<footer>{self.text(made)}</footer>\n<div id="tip" role="tooltip" hidden></div>\n'

    def _tile(self, tile: Tile) -> str:
        return (
            f'<li><a class="{tile.grade}" href="#{tile.section}"><span class="label">{self.text(tile.label)}'
            f"{self._unseen(tile.grade)}</span>"
            f'<span class="value">{self.text(tile.value)}</span>'
            f'<span class="about">{self.text(tile.about)}</span></a></li>'
        )

    def _unseen(self, grade: str) -> str:
        return f'<span class="unseen"> {_GRADES[grade]} </span>' if grade else ""

    def _section(self, section: Section) -> Iterator[str]:
        yield f'<section id="{section.id}" aria-labelledby="{section.id}-h">\n'
        yield f'<h2 id="{section.id}-h">{self.text(section.title)}</h2>\n'
        for at, sentence in enumerate(section.lead):
            grade = section.grade if at == 0 else ""
            yield f'<p class="lead {grade}">{self._unseen(grade)}<span class="show">{self.text(sentence)}</span></p>\n'
        if section.empty:
            yield f'<div class="empty"><p>{self.text(section.empty)}</p>'
            yield f"<pre>{self.text_lines(section.hint)}</pre></div>\n" if section.hint else "</div>\n"
        for figure in section.figures:
            yield self._figure(figure)
        for table in section.tables:
            yield from self._table(table)
        yield from (f'<p class="note">{self.text(note)}</p>\n' for note in section.notes)
        yield "</section>\n"

    def text_lines(self, text: str) -> str:
        return "\n".join(map(self.text, text.split("\n")))

    def _figure(self, figure: Figure) -> str:
        number = len(self._charts)
        self._charts.append(figure.spec)
        how = (
            '<span class="how">drag to move, Shift + wheel to zoom, double-click to reset</span>'
            if figure.zooms
            else ""
        )
        return (
            f"<figure><figcaption><span>{self.text(figure.title)}</span>{how}</figcaption>"
            f'<div class="chart" data-chart="{number}" role="img" aria-label="{self.text(figure.about)}"></div>'
            "</figure>\n"
        )

    def _table(self, table: Table) -> Iterator[str]:
        title = self.text(table.title)
        yield f'<details><summary>Table: {title}</summary>\n<div class="scroll" tabindex="0" role="region" '
        yield f'aria-label="Table: {title}"><table><caption class="unseen">{title}</caption><thead><tr>'
        for name, is_number in table.columns:
            yield f'<th scope="col"{_right(is_number)}>{self.text(name)}</th>'
        yield "</tr></thead><tbody>\n"
        for row in table.rows:
            cells = zip(table.columns, row, strict=True)
            yield "<tr>"
            for (_, is_number), cell in cells:
                yield f'<td{_right(is_number)}><span class="show">{self.text(cell)}</span></td>'
            yield "</tr>\n"
        yield "</tbody></table></div>\n"
        if table.left:
            more = f"{table.left:,} more {'row is' if table.left == 1 else 'rows are'} not shown"
            command = f"; all: <code>{self.text(table.command)}</code>" if table.command else ""
            yield f'<p class="left">{more}{command}</p>\n'
        yield "</details>\n"


def _right(is_number: bool) -> str:
    return ' class="n"' if is_number else ""


def _shown(value: object, show: Show) -> object:
    """All texts of a chart made visible."""
    if isinstance(value, str):
        return show(value)
    if isinstance(value, dict):
        return {key: _shown(each, show) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(each, show) for each in value]
    return value
