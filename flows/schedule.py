"""What runs when: the schedule of a config in, one line per stage with its next time out."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect.schedules import Cron, Interval, Schedule
from prefect.server.schemas.schedules import CronSchedule

from forecasting.config import Config
from forecasting.errors import InputError


@dataclass(frozen=True)
class Planned:
    """One stage's times: in words, for Prefect, and the next one."""

    stage: str
    when: str
    schedule: Schedule
    next_at: datetime


def plan(config: Config) -> list[Planned]:
    """The config's schedule, soonest first; cron lines are read in `data.timezone`, or in UTC.

    Raises InputError for a time that is none and for a schedule without any.
    """
    zone = config.data.timezone or "UTC"
    times = {"train": config.schedule.train, "predict": config.schedule.predict, "monitor": config.schedule.monitor}
    planned = [_planned(stage, when, zone) for stage, when in times.items() if when is not None]
    if not planned:
        raise InputError("a schedule must name a time for a stage, got none: set schedule.train, predict or monitor")
    return sorted(planned, key=lambda line: line.next_at)


def _planned(stage: str, when: str | int, zone: str) -> Planned:
    try:
        return _interval(stage, when) if isinstance(when, int) else _cron(stage, when, zone)
    except ValueError as error:
        reason = str(error).splitlines()[-1]
        raise InputError(
            f"a time must be a five-field cron line or seconds, got {when!r} ({reason}): set schedule.{stage}"
        ) from None


def _interval(stage: str, seconds: int) -> Planned:
    if seconds < 1:
        raise ValueError("less than a second")
    now = datetime.now(UTC)
    return Planned(stage, f"every {seconds} s", Interval(seconds, anchor_date=now), now)


def _cron(stage: str, line: str, zone: str) -> Planned:
    schedule = Cron(line, timezone=zone)
    [next_at] = asyncio.run(CronSchedule(cron=line, timezone=zone).get_dates(1))
    return Planned(stage, f"{line} ({zone})", schedule, next_at)
