"""The report's frame: its style, its few lines of script, and a content policy: nothing else can run or load."""

import base64
import hashlib
import html
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from forecasting.figures.table import TABLE_CSS
from forecasting.figures.theme import FONT

CSS = (
    f"""
:root{{color-scheme:light}}
*{{box-sizing:border-box}}
body{{margin:0;background:#f5f7f9;color:#1f2933;font:15px/1.55 {FONT}}}
main{{max-width:1100px;margin:0 auto;padding:36px 24px 64px}}
h1{{font-size:26px;line-height:1.2;margin:0 0 4px;font-weight:650;overflow-wrap:anywhere}}
h2{{font-size:18px;margin:36px 0 4px;font-weight:650}}
p.note{{margin:0 0 12px;color:#5f6b7a;font-size:13.5px}}
.verdict{{background:#fff;border:1px solid #e3e8ed;border-left:5px solid #0072B2;border-radius:10px;
  padding:16px 20px;margin:16px 0 12px;font-size:17px;overflow-wrap:anywhere}}
dl.facts{{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:10px 24px;margin:16px 0 0;
  background:#fff;border:1px solid #e3e8ed;border-radius:10px;padding:14px 20px}}
dl.facts dt{{font-size:12px;color:#5f6b7a}}
dl.facts dd{{margin:0;font-size:13.5px;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}}
.card{{background:#fff;border:1px solid #e3e8ed;border-radius:10px;padding:12px 12px 4px;margin-top:12px;
  min-width:0;overflow:hidden}}
.fans{{display:grid;grid-template-columns:repeat(auto-fill,minmax(310px,1fr));gap:12px}}
.fans .card{{margin:0}}
.fans h3{{margin:0;font-size:13.5px;font-weight:600;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}}
.fans .under{{margin:0 0 2px;font-size:12px;color:#5f6b7a;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}}
ul.key{{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:0 0 12px;font-size:13px}}
ul.key li{{display:flex;align-items:center;gap:7px;overflow-wrap:anywhere}}
ul.key svg{{flex:none}}
footer{{margin-top:40px;color:#5f6b7a;font-size:12.5px}}
@media (max-width:640px){{main{{padding:20px 12px 40px}}}}
@media print{{body{{background:#fff}}.card,.board{{break-inside:avoid}}}}
"""
    + TABLE_CSS
)

SCRIPT = """
for (const place of document.querySelectorAll("div[data-figure]")) {
  const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  Plotly.newPlot(place, figure.data, figure.layout, {responsive: true, displaylogo: false, displayModeBar: false});
}
"""


def figure_div(name: str, figure: go.Figure) -> str:
    """A figure as a place in the page and its data as JSON that no browser runs; `name` is ours, never data."""
    data = figure.to_json().replace("<", "\\u003c")
    height = int(figure.layout.height)
    place = f'<div data-figure="{name}" style="height:{height}px"></div>'
    return f'{place}<script type="application/json" id="{name}">{data}</script>'


def page(title: str, sections: Sequence[str]) -> str:
    """The whole document; plotly.js stands in it once, and only the two scripts that are hashed here may run."""
    library = get_plotlyjs().replace("\r\n", "\n").replace("\r", "\n")
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(SCRIPT)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{CSS}</style>
</head>
<body>
<main>
{chr(10).join(sections)}
<noscript><p class="note">The charts need JavaScript; verdict, facts and tables do not.</p></noscript>
</main>
<script>{library}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _hash(script: str) -> str:
    """The source expression of a content policy for one inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
