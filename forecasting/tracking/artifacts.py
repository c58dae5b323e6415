"""From a frame or figures to an artifact that MLflow's page shows: a table as JSON, charts as one HTML file."""

import html
import json
from collections.abc import Mapping
from typing import Protocol

import polars as pl
import polars.selectors as cs


class Figure(Protocol):
    """What is needed of a plotly figure."""

    def to_html(self, *, include_plotlyjs: bool, full_html: bool, config: dict[str, bool]) -> str:
        """The figure as HTML, with plotly's script or without."""
        ...


def table_json(frame: pl.DataFrame) -> str:
    """`frame` as {"columns": [...], "data": [[...]]}: time stamps in ISO format, null where a number is not finite."""
    plain = frame.with_columns(cs.temporal().dt.to_string("iso"), pl.when(cs.float().is_finite()).then(cs.float()))
    return json.dumps({"columns": plain.columns, "data": plain.rows()}, allow_nan=False, default=str)


def figures_page(figures: Mapping[str, Figure]) -> str:
    """One HTML page with every figure under its title; plotly's script (4.5 MB) is inside once, nothing is loaded."""
    parts: list[str] = []
    for title, figure in figures.items():
        heading = f"<h2>{html.escape(title)}</h2>\n" if len(figures) > 1 else ""
        chart = figure.to_html(include_plotlyjs=not parts, full_html=False, config={"displaylogo": False})
        parts.append(heading + chart)
    head = '<meta charset="utf-8"><style>body{font:15px sans-serif;margin:16px}h2{font-size:17px}</style>'
    return f"<!doctype html><html><head>{head}</head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
