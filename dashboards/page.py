"""The pieces that all views are made of: style, cards, messages; data is escaped before it becomes HTML."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from forecasting.figures.table import TABLE_CSS

CSS = (
    """
.stMainBlockContainer{max-width:1180px;padding-top:2.2rem;padding-bottom:3rem}
.pipeline{font-size:25px;font-weight:650;line-height:1.25;overflow-wrap:anywhere}
.section{font-size:17px;font-weight:650;margin-top:10px}
.note{font-size:13.5px;color:#5f6b7a;overflow-wrap:anywhere}
.verdict{background:#fff;border:1px solid #e3e8ed;border-left:5px solid #0072B2;border-radius:10px;
  padding:14px 18px;font-size:16.5px;overflow-wrap:anywhere}
.verdict.other{border-left-color:#8d99a6}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px}
.cards div.one{background:#fff;border:1px solid #e3e8ed;border-radius:10px;padding:12px 14px;min-width:0}
.cards .what{font-size:12.5px;color:#5f6b7a}
.cards .value{font-size:21px;font-weight:600;line-height:1.3;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.cards .value.long{font-size:16px;padding:3px 0}
.cards .more{font-size:12.5px;color:#5f6b7a}
.missing{background:#fff;border:1px dashed #b9c3cc;border-radius:10px;padding:22px 24px;overflow-wrap:anywhere}
.missing code{display:block;margin:8px 0;padding:9px 12px;background:#f0f3f6;border-radius:8px;color:#1f2933}
[class*=st-key-card-]{background:#fff;border-color:#e3e8ed;border-radius:10px;padding:10px 12px}
.stMultiSelect [data-tag]{background:#e3e8ed;color:#1f2933}
"""
    + TABLE_CSS
)


def style() -> None:
    """Put the style into the page; every run of the script does this once."""
    st.html(f"<style>{CSS}</style>")


def block(css_class: str, text: str) -> None:
    """One block of plain text in one of the page's styles."""
    st.html(f'<div class="{css_class}">{html.escape(text)}</div>')


def notes(lines: Sequence[str]) -> None:
    """Small lines of text below each other; nothing where there are none."""
    if lines:
        st.html("".join(f'<div class="note">{html.escape(line)}</div>' for line in lines))


def cards(items: Sequence[tuple[str, str, str]]) -> None:
    """A row of (what, value, more) cards."""
    parts = []
    for what, value, more in items:
        long = " long" if len(value) > 12 else ""
        figure = (
            f'<div class="value{long}" title="{html.escape(value)}">{html.escape(value).replace("_", "_<wbr>")}</div>'
        )
        what, more = f'<div class="what">{html.escape(what)}</div>', f'<div class="more">{html.escape(more)}</div>'
        parts.append(f'<div class="one">{what}{figure}{more}</div>')
    st.html(f'<div class="cards">{"".join(parts)}</div>')


def missing(sentence: str, stage: str, name: str) -> None:
    """Say what is not there yet and which command makes it."""
    st.html(
        f'<div class="missing">{html.escape(sentence)}<code>forecast {html.escape(stage)} CONFIG</code>'
        f"CONFIG is the YAML file with <b>name: {html.escape(name)}</b>.</div>"
    )


def section(title: str, note: str = "") -> None:
    """A heading, with a line under it."""
    under = f'<div class="note">{html.escape(note)}</div>' if note else ""
    st.html(f'<div class="section">{html.escape(title)}</div>{under}')


def linked(key: str, options: Sequence[str]) -> int:
    """Place in `options` of what the address asks for (`?key=value`); 0 where it asks for nothing that is known."""
    wanted = st.query_params.get(key)
    return options.index(wanted) if wanted in options else 0


def link(key: str, value: str) -> None:
    """Put a choice into the page's address, so that it can be linked."""
    if st.query_params.get(key) != value:
        st.query_params[key] = value


def chart(figure: go.Figure, key: str) -> None:
    """A figure in our theme, as wide as the page, on a card."""
    with st.container(border=True, key=f"card-{key}"):
        st.plotly_chart(figure, theme=None, key=key, config={"displaylogo": False, "displayModeBar": False})
