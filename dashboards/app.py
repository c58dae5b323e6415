"""The dashboard's entry: reads which pipeline to show, offers the views, hands over to the chosen one.

Started by `dashboards.launch.command`; a view is linked by `?view=NAME`.
"""

import argparse
import sys
from pathlib import Path

import streamlit as st

from dashboards import page
from dashboards.reading import Pipeline
from dashboards.views import views


def main(arguments: list[str]) -> None:
    """Draw the page once; streamlit calls this at every click."""
    parser = argparse.ArgumentParser(prog="dashboard")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--name", required=True)
    given = parser.parse_args(arguments)
    pipeline = Pipeline(given.workspace, given.name)
    st.set_page_config(page_title=f"{pipeline.name} · forecasts", layout="wide", initial_sidebar_state="collapsed")
    page.style()
    known = views()
    names = list(known)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        page.block("pipeline", pipeline.name)
        chosen = st.segmented_control(
            "View",
            names,
            format_func=lambda name: known[name].TITLE,
            default=names[page.linked("view", names)],
            required=True,
            key="view",
            label_visibility="collapsed",
        )
    page.link("view", chosen)
    known[chosen].render(pipeline)


if __name__ == "__main__":
    main(sys.argv[1:])
