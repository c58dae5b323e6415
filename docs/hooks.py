"""A hook of mkdocs: takes out of the theme's script what it would load from a network address."""

import re
from pathlib import Path

_ADDRESS = re.compile(r"""(["'`])https?://(?!www\.w3\.org)[^"'`\s]*\1""")


def on_post_build(config: dict[str, str]) -> None:
    """Empty every quoted network address in the scripts of the built site (diagrams and figures of a repository use them)."""
    for script in Path(config["site_dir"]).rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        script.write_text(_ADDRESS.sub(r"\1\1", text), encoding="utf-8")
    for source_map in Path(config["site_dir"]).rglob("*.js.map"):
        source_map.unlink()
