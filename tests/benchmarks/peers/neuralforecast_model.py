"""One model of neuralforecast with its defaults: trained on one table, its forecasts written to another.

    python neuralforecast_model.py MODEL --train TRAIN.parquet --output FORECASTS.parquet --steps N --horizon H --context T

Runs in the peers' environment and imports nothing of this project. Both tables hold unique_id, ds (whole numbers) and y, in the
forecasts under the model's name. What is not given stays as neuralforecast has it: layers, loss, scaler, batches, rate.
The last line of its output is JSON: seconds of the fit and of the forecast, and computing seconds of both.
"""

import argparse
import json
import time

import pandas
from neuralforecast import NeuralForecast
from neuralforecast.models import GRU, NHITS

MODELS = {"GRU": GRU, "NHITS": NHITS}


def main() -> None:
    """Fit, forecast, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--train", required=True)
    parser.add_argument("--output", required=True)
    for number in ("--steps", "--horizon", "--context", "--seed"):
        parser.add_argument(number, type=int, required=True)
    given = parser.parse_args()
    train = pandas.read_parquet(given.train)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    model = MODELS[given.model](
        h=given.horizon,
        input_size=given.context,
        max_steps=given.steps,
        random_seed=given.seed,
        accelerator="cpu",
        **quiet,
    )
    began, cpu = time.perf_counter(), time.process_time()
    forecaster = NeuralForecast(models=[model], freq=1)
    forecaster.fit(train)
    fitted = time.perf_counter()
    forecasts = forecaster.predict().reset_index()
    done = time.perf_counter()
    forecasts[["unique_id", "ds", given.model]].to_parquet(given.output, index=False)
    seconds = {"training_seconds": fitted - began, "forecast_seconds": done - fitted}
    print(json.dumps({**seconds, "cpu_seconds": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
