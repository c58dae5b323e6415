"""The stages called one after the other, as a program without the chain would: values in, values out."""

from dataclasses import dataclass

from forecasting.config import Config
from forecasting.stages.backtest import Compared, backtest
from forecasting.stages.ingest import Ingested, ingest
from forecasting.stages.plan import Plan, plan_of
from forecasting.stages.train import Trained, train
from forecasting.stages.tune import Tuned, tune
from forecasting.stages.window import Windowed, window


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What the stages up to `train` gave."""

    plan: Plan
    data: Ingested
    windowed: Windowed
    tuned: Tuned
    trained: Trained

    def backtest(self) -> Compared:
        return backtest(self.plan, self.data, self.windowed, self.trained)


def fitted(config: Config) -> Fitted:
    plan = plan_of(config)
    plan.paths.root.mkdir(parents=True, exist_ok=True)
    data = ingest(plan)
    windowed = window(plan, data)
    tuned = tune(plan, data, windowed)
    trained = train(plan, data, windowed, tuned)
    return Fitted(plan=plan, data=data, windowed=windowed, tuned=tuned, trained=trained)
