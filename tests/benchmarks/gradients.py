"""Vanishing and exploding gradients, told by two small problems: `python -m tests.benchmarks.gradients [--steps 1500] [--figure FILE]`.

Vanishing: the adding problem (Hochreiter & Schmidhuber 1997) over 100 steps, one network per cell, the same budget. Who
always answers 1 has an MSE of 1/6 = 0.167. Exploding: a relu recurrence that starts with 1.2 on its diagonal, with
gradients clipped by norm and without. `--figure` draws the profiles (SVG, with a headless Chromium).
"""

import argparse
import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from forecasting.errors import DivergedError
from forecasting.models.cell import USUAL_OPTIONS
from forecasting.models.cells import cell_of
from forecasting.models.recurrence import Recurrence
from forecasting.training.devices import exact, seeded
from forecasting.training.loop import train
from forecasting.training.probe import Probe
from forecasting.training.settings import TrainingSettings
from tests.training.problems import Adding, adding

CPU = torch.device("cpu")
LENGTH, HIDDEN, BATCH = 100, 48, 64
CELLS = ("rnn", "lstm", "gru")
SETTINGS = TrainingSettings(max_steps=1500, batch_size=BATCH, learning_rate=1e-2, weight_decay=0.0, valid_every=250)


@dataclass(frozen=True)
class Outcome:
    """What became of one fit: error on 1,000 new sequences, or why there is none."""

    name: str
    error: float | None
    failed: str | None
    profiles: list[dict[str, Any]]
    history: list[dict[str, float]]
    seconds: float


def vanishing(cell: str, max_steps: int = SETTINGS.max_steps or 1, seed: int = 1) -> Outcome:
    """The adding problem for one of the project's cells."""
    return fitted(cell, adding(cell, HIDDEN, LENGTH, BATCH, seed), replace(SETTINGS, max_steps=max_steps))


def exploding(clip_norm: float | None, max_steps: int = 1500, seed: int = 1) -> Outcome:
    """The same problem for a relu recurrence whose states, and gradients, grow by a fifth with every step."""
    torch.manual_seed(seed)
    layer = cell_of("rnn_relu").make(2, HIDDEN, USUAL_OPTIONS)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(1.2 * torch.eye(HIDDEN))
    settings = TrainingSettings(
        max_steps=max_steps,
        batch_size=BATCH,
        learning_rate=1e-2,
        weight_decay=0.0,
        schedule="constant",
        valid_every=10,
        clip_norm=clip_norm,
    )
    return fitted("no clipping" if clip_norm is None else f"clipped at {clip_norm:g}", adding_of(layer), settings)


def adding_of(layer: nn.Module) -> Adding:
    """The adding problem for a layer as it is."""
    return Adding(layer, HIDDEN, LENGTH, BATCH, seed=1)


def fitted(name: str, problem: Adding, settings: TrainingSettings) -> Outcome:
    """Train; a fit that diverges is an outcome too."""
    encoder = problem.encoder
    layers = encoder.forward_layers if isinstance(encoder, Recurrence) else [encoder]
    batch = problem.sequences(32, torch.Generator().manual_seed(7))
    began = time.perf_counter()
    with exact(CPU), seeded(1, CPU):
        try:
            probe = Probe(problem, layers, lambda: problem.loss(batch))
            trained = train(problem, problem, settings, probe=probe)
        except DivergedError as error:
            return Outcome(name, None, str(error), [], error.history, time.perf_counter() - began)
        seconds = time.perf_counter() - began
        return Outcome(name, problem.unseen_error(), None, trained.profiles, trained.history, seconds)


def main() -> None:
    """Both stories as tables, the figure, and one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--steps", type=int, default=SETTINGS.max_steps)
    arguments = parser.parse_args()
    outcomes = [vanishing(cell, arguments.steps) for cell in CELLS]
    print(f"adding problem, {LENGTH} steps, {HIDDEN} hidden units, {arguments.steps} steps of {BATCH} sequences")
    print("| cell | test MSE (0.167: always 1) | gradient 10 / 50 / 99 steps back | effective memory | seconds |")
    print("|---|---|---|---|---|")
    for outcome in outcomes:
        kept = outcome.profiles[-1]
        shares = " / ".join(f"{kept['profile'][lag]:.0e}" for lag in (10, 50, 99))
        print(
            f"| {outcome.name} | {outcome.error:.4f} | {shares} | {kept['effective_memory']} | {outcome.seconds:.0f} |"
        )
    blown = [exploding(clip, arguments.steps) for clip in (None, 1.0)]
    print("\nrelu recurrence with 1.2 on the diagonal, the same problem")
    print("| clipping | norm of the first gradients | ends |")
    print("|---|---|---|")
    for outcome in blown:
        first = outcome.history[0]["gradient_norm_max"] if outcome.history else float("nan")
        end = f"test MSE {outcome.error:.4f}" if outcome.failed is None else f"DivergedError: {outcome.failed}"
        print(f"| {outcome.name} | {first:.0e} | {end} |")
    if arguments.figure:
        draw(outcomes, arguments.figure)
    scores = {outcome.name: outcome.error for outcome in [*outcomes, *blown]}
    print(json.dumps({"scores": scores}))


def draw(outcomes: list[Outcome], path: Path) -> None:
    """The profiles of the kept weights, one line per cell, as the SVG that plotly makes in a browser."""
    from playwright.sync_api import sync_playwright

    from forecasting.figures.gradients import gradient_through_time, profile_frame

    lines = {f"{o.name}: test MSE {o.error:.4f}": o.profiles[-1] for o in outcomes}
    figure = gradient_through_time(profile_frame(lines))
    figure.update_layout(
        title={
            "text": f"Adding problem over {LENGTH} steps: what the error still tells the states before it (dotted: 1 %)"
        }
    )
    page_html = figure.to_html(include_plotlyjs=True, full_html=True, div_id="figure")
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 860, "height": 460})
        page.set_content(page_html)
        script = "Plotly.toImage('figure', {format: 'svg', width: 820, height: 420})"
        image = page.evaluate(script)
        browser.close()
    from urllib.parse import unquote

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(unquote(image.split(",", 1)[1]), encoding="utf-8")


if __name__ == "__main__":
    main()
