"""Programs that the tests of signals and kills start: `python -m tests.flows.program serve|run WORKSPACE FLOW`.

`serve` fires a flow of tests.flows.served every 2 seconds, `run` runs the whole stub pipeline with a `train` that is
endless or meets bad_input.
"""

import sys
from pathlib import Path

from forecasting.config import Config, parse_config
from forecasting.environment import prefect_home
from forecasting.errors import ForecastingError, InputError
from tests.conftest import tiny_config

SECONDS = 2


def main(what: str, workspace: Path, name: str) -> int:
    config = parse_config(tiny_config(workspace, schedule={"train": SECONDS, "predict": None, "monitor": None}))
    prefect_home(config.workspace)
    try:
        _serve(config, name) if what == "serve" else _run(config, name)
    except ForecastingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _serve(config: Config, name: str) -> None:
    from flows.deployments import serve
    from tests.flows import served

    serve(config, {"train": getattr(served, name)}, poll_seconds=1)


def _run(config: Config, name: str) -> None:
    from flows import pipeline
    from flows.run import run_flow
    from tests.flows.stub import sleep_long, stub_table

    def bad_input() -> None:
        (config.workspace / "notes.txt").unlink()
        raise InputError("rule, value, way out")

    pipeline.STAGES = stub_table({"train": {"endless": sleep_long, "bad_input": bad_input}[name]})
    run_flow(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
