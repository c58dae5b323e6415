"""The plan of a schedule, and which server is talked to."""

import asyncio
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from filelock import FileLock
from prefect.server.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.own_server import OwnServer, own_server
from flows.schedule import plan
from flows.server import connected
from forecasting.config import Config, parse_config
from forecasting.errors import InputError, ServiceError
from tests.conftest import tiny_config


def scheduled(tmp_path, timezone=None, **times) -> Config:
    raw = tiny_config(tmp_path, schedule={"train": None, "predict": None, "monitor": None, **times})
    raw["data"]["timezone"] = timezone
    return parse_config(raw)


def test_a_cron_line_is_read_in_the_time_zone_of_the_data(tmp_path):
    [line] = plan(scheduled(tmp_path, "Asia/Tokyo", train="0 2 * * 1"))
    assert (line.next_at.weekday(), line.next_at.hour, line.next_at.utcoffset()) == (0, 2, timedelta(hours=9))
    assert (line.schedule.cron, line.schedule.timezone) == ("0 2 * * 1", "Asia/Tokyo")
    assert line.when == "0 2 * * 1 (Asia/Tokyo)"


def test_without_a_time_zone_it_is_utc_and_the_plan_is_in_order_of_time(tmp_path):
    before = datetime.now(UTC)
    lines = plan(scheduled(tmp_path, train="0 2 1 1 *", predict="* * * * *", monitor=3600))
    assert [line.stage for line in lines] == ["monitor", "predict", "train"]
    assert before < lines[1].next_at <= datetime.now(UTC) + timedelta(minutes=1)
    [expected] = asyncio.run(CronSchedule(cron="0 2 1 1 *", timezone="UTC").get_dates(1))
    assert lines[2].next_at == expected


def test_a_number_is_seconds_between_runs_of_which_the_first_is_now(tmp_path):
    before = datetime.now(UTC)
    [line] = plan(scheduled(tmp_path, predict=90))
    assert line.schedule.interval == timedelta(seconds=90)
    assert before <= line.next_at <= datetime.now(UTC)


@pytest.mark.parametrize("when", ["0 2 * *", "tomorrow", 0, -5])
def test_a_time_that_is_none_is_refused_by_its_key(tmp_path, when):
    with pytest.raises(InputError, match=r"must be a five-field cron line or seconds, got .*: set schedule.monitor"):
        plan(scheduled(tmp_path, monitor=when))


def test_a_schedule_without_a_time_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"got none: set schedule\.train"):
        plan(scheduled(tmp_path))


def test_a_server_that_does_not_start_says_why_and_has_its_own_exit_code(tmp_path):
    (tmp_path / "server.log").write_text("lines of an earlier start\n")
    (tmp_path / "prefect.db").write_bytes(b"no database" * 1000)
    server = OwnServer(tmp_path, with_schedules=False)
    try:
        with pytest.raises(ServiceError) as caught:
            server.address()
    finally:
        server.stop()
    told = str(caught.value)
    assert caught.value.exit_code == 7
    assert "must start before a flow can run, it ended with status 3" in told
    assert "file is not a database" in told
    assert str(tmp_path / "server.log") in told
    assert "an earlier start" not in told
    assert len(told.splitlines()) < 20


def test_a_named_server_that_does_not_answer_is_bad_input(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        own_server(tmp_path, with_schedules=False) as own,
        pytest.raises(
            InputError, match=r"PREFECT_API_URL must name a server that answers, got http://127\.0\.0\.1:9/api"
        ),
        connected(own),
    ):
        pass
    assert own is None
    assert not (tmp_path / "prefect").exists()


def test_a_named_server_is_used_in_place_of_our_own(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", server)
    with own_server(tmp_path, with_schedules=False) as own, connected(own) as api:
        assert api == server
    assert not (tmp_path / "prefect").exists()


def test_a_server_that_was_started_ends_with_the_block_whether_it_answered_or_not(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    before = psutil.Process().children()
    with own_server(tmp_path, with_schedules=False) as own:
        assert own is not None
        assert own.fresh
    assert psutil.Process().children() == before
    with FileLock(own.home / "server.lock", timeout=0):
        pass


@pytest.mark.parametrize("error", [InputError("rule, value, way out"), KeyboardInterrupt()])
def test_a_first_start_that_was_for_nothing_leaves_nothing(error, tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", "")  # as unset, and nothing sets it for the tests that follow

    def run() -> None:
        with own_server(tmp_path / "workspace", with_schedules=False):
            assert (tmp_path / "workspace" / "prefect").is_dir()
            raise error

    with pytest.raises(type(error)):
        run()
    assert not (tmp_path / "workspace").exists()
