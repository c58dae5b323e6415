"""Jobs over processes: order, progress, errors, and workers that never outlive what started them."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np  # noqa: F401 - brings the BLAS that a test looks at
import psutil
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from forecasting.errors import StoppedError
from forecasting.processes import Progress, beside, kept_workers, run_jobs, workers_of


def pid_after(seconds: float, progress: Progress) -> int:
    time.sleep(seconds)
    return os.getpid()


def count_to(n: int, progress: Progress) -> int:
    for done in range(1, n + 1):
        progress(done, n, f"step {done}")
    return n


def halve(value: int, progress: Progress) -> int:
    if value % 2:
        raise ValueError(f"{value} is odd")
    time.sleep(value / 10)
    return value // 2


def environment(key: str, progress: Progress) -> str | None:
    return os.environ.get(key)


def die_at(value: int, progress: Progress) -> int:
    if value < 0:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def die_over(payload: bytes, progress: Progress) -> int:
    if payload.startswith(b"last words"):
        os.kill(os.getpid(), signal.SIGKILL)
    return len(payload)


def torch_threads(setting: int, progress: Progress) -> int:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(setting)
    return threads


def blas_threads(job: int, progress: Progress) -> int:
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


def report_and_sleep(folder: str, progress: Progress) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(900)  # longer than a test may take


def main_module(job: int, progress: Progress) -> str | None:
    return getattr(sys.modules["__main__"], "__file__", None)


def test_results_come_in_the_order_of_the_jobs() -> None:
    finished: dict[int, int] = {}

    results = run_jobs(halve, [6, 0, 2], 2, on_result=finished.__setitem__)

    assert results == [3, 0, 1]
    assert next(iter(finished)) == 1  # the quick one was there first


def test_one_worker_or_one_job_stays_in_this_process_unless_isolated() -> None:
    assert run_jobs(pid_after, [0.0, 0.0], 1) == [os.getpid()] * 2
    assert run_jobs(pid_after, [0.0], 2) == [os.getpid()]
    assert run_jobs(pid_after, [], 2) == []
    assert run_jobs(pid_after, [0.0], 1, isolated=True) != [os.getpid()]


def test_workers_of_null_is_at_least_one() -> None:
    assert workers_of(3) == 3
    assert 1 <= workers_of(None) <= (os.cpu_count() or 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_of_each_job_arrives_before_its_result(workers: int) -> None:
    seen: list[tuple[object, ...]] = []

    run_jobs(count_to, [3, 4], workers, lambda *found: seen.append(found), lambda *step: seen.append(step))

    for index, n in enumerate((3, 4)):
        assert seen.index((index, n, n, f"step {n}")) < seen.index((index, n))


def test_progress_is_thinned_but_ends_with_the_last_step() -> None:
    seen: list[tuple[object, ...]] = []

    run_jobs(count_to, [5000, 5000], 2, on_progress=lambda *step: seen.append(step))

    assert {(0, 5000, 5000, "step 5000"), (1, 5000, 5000, "step 5000")} <= set(seen)
    assert len(seen) < 500


def test_the_error_of_a_job_is_raised_as_it_was_and_the_others_are_dropped() -> None:
    with pytest.raises(ValueError, match=r"^3 is odd$"):
        run_jobs(halve, [3, 100_000, 100_000, 100_000], 2)  # these would take hours

    assert not [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_a_worker_that_dies_loses_only_what_was_not_finished() -> None:
    finished: dict[int, int] = {}

    with pytest.raises(BrokenProcessPool):
        run_jobs(die_at, [1, 2, -1, 3], 2, on_result=finished.__setitem__)

    assert finished[0] == 1
    assert finished[1] == 2
    assert 2 not in finished


def test_a_worker_that_dies_while_large_jobs_wait_hangs_nobody() -> None:
    jobs = [b"last words" + bytes(2_000_000)] + [bytes(2_000_000)] * 8

    with pytest.raises(BrokenProcessPool):
        run_jobs(die_over, jobs, 2)


def test_an_error_raised_by_a_callback_ends_the_workers() -> None:
    with pytest.raises(StoppedError) as stopped:
        run_jobs(pid_after, [0.0, 100_000.0], 2, on_result=_stop)

    assert stopped.value.exit_code == 143


def _workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_kept_workers_do_the_next_jobs_and_end_with_the_block() -> None:
    with kept_workers():
        first = set(run_jobs(pid_after, [0.0] * 4, 2))
        assert set(run_jobs(pid_after, [0.0] * 4, 2)) <= {worker.pid for worker in _workers()}
        assert first <= {worker.pid for worker in _workers()}

    assert _workers() == []


def test_one_job_goes_to_kept_workers_too() -> None:
    with kept_workers():
        workers = set(run_jobs(pid_after, [0.1] * 2, 2))
        assert set(run_jobs(pid_after, [0.0], 2)) <= workers
        assert run_jobs(pid_after, [0.0], 1) == [os.getpid()]
        assert run_jobs(pid_after, [], 2) == []


def test_a_job_beside_the_block_has_a_process_of_its_own() -> None:
    with beside(pid_after, 0.0) as done:
        (worker,) = _workers()
        assert done() == worker.pid
    assert _workers() == []


def test_what_a_job_beside_raises_is_raised_where_its_result_is_asked_for() -> None:
    with beside(halve, 3) as done, pytest.raises(ValueError, match="3 is odd"):
        done()


def test_a_block_that_ends_in_an_error_does_not_wait_for_the_job_beside_it() -> None:
    with pytest.raises(KeyboardInterrupt), beside(pid_after, 3600.0):
        raise KeyboardInterrupt
    assert _workers() == []


def test_workers_of_an_isolated_call_are_not_kept() -> None:
    with kept_workers():
        (alone,) = run_jobs(pid_after, [0.0], 1, isolated=True)
        assert alone not in {worker.pid for worker in _workers()}


def test_progress_of_earlier_jobs_reaches_no_later_call() -> None:
    seen: list[tuple[object, ...]] = []
    with kept_workers():
        run_jobs(count_to, [3, 4], 2)
        run_jobs(count_to, [5000, 5000], 2, on_progress=lambda *step: None)
        run_jobs(count_to, [2, 2], 2, on_progress=lambda *step: seen.append(step))

    assert {total for _, _, total, _ in seen} == {2}


def test_kept_workers_of_a_call_that_failed_are_replaced() -> None:
    with kept_workers():
        before = set(run_jobs(pid_after, [0.0] * 2, 2))
        with pytest.raises(ValueError, match="3 is odd"):
            run_jobs(halve, [3, 100_000], 2)
        assert before.isdisjoint(run_jobs(pid_after, [0.0] * 2, 2))


def test_an_idle_worker_that_was_killed_is_replaced() -> None:
    for _ in range(10):  # who sees its end first, the pool's own thread, this test or the next call, is a race
        with kept_workers():
            before = set(run_jobs(pid_after, [0.1] * 2, 2))
            worker = _workers()[0]
            worker.kill()
            worker.wait()
            assert before.isdisjoint(run_jobs(pid_after, [0.0] * 2, 2))


def test_kept_workers_serve_one_call_at_a_time() -> None:
    results: list[list[int]] = []
    with kept_workers():
        threads = [threading.Thread(target=lambda: results.append(run_jobs(halve, [2, 4], 2))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert results == [[1, 2]] * 3
    assert _workers() == []


def test_a_job_in_this_process_has_one_blas_thread_too() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        assert run_jobs(blas_threads, [0], 1) == [1]


def test_workers_have_one_thread_and_this_process_keeps_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)

    assert run_jobs(environment, ["OMP_NUM_THREADS", "MKL_NUM_THREADS"], 2) == ["1", "1"]

    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def test_each_job_starts_with_one_torch_thread() -> None:
    assert run_jobs(torch_threads, [2, 2], 1, isolated=True) == [1, 1]


def test_a_thread_of_this_process_can_run_jobs() -> None:
    results: list[list[int]] = []
    thread = threading.Thread(target=lambda: results.append(run_jobs(halve, [2, 0], 2)))

    thread.start()
    thread.join()

    assert results == [[1, 0]]


def test_a_script_without_a_guard_is_not_started_again_by_its_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from forecasting.processes import run_jobs\n"
        "from tests.test_processes import main_module\n"
        "print('started', flush=True)\n"
        "print(run_jobs(main_module, [1, 2], 2))\n"
    )

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=_environment())

    assert done.stdout == "started\n[None, None]\n", done.stderr


def test_a_function_of_the_script_itself_can_be_a_job(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from forecasting.processes import run_jobs\n"
        "def double(job, progress):\n"
        "    return 2 * job\n"
        "if __name__ == '__main__':\n"
        "    print(run_jobs(double, [1, 2], 2))\n"
    )

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=_environment())

    assert done.stdout == "[2, 4]\n", done.stderr


def test_a_parent_read_from_standard_input_can_run_jobs() -> None:
    program = (
        "from forecasting.processes import run_jobs\n"
        "from tests.test_processes import halve\n"
        "print(run_jobs(halve, [2, 4], 2))\n"
    )

    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, env=_environment())

    assert done.stdout == "[1, 2]\n", done.stderr


def test_ctrl_c_ends_the_workers_at_once_and_is_raised_again(tmp_path: Path) -> None:
    parent, workers = _sleeping_parent(tmp_path)

    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does: to the whole group
    _, errors = parent.communicate()

    assert parent.returncode == 130, errors
    assert "Process Spawn" not in errors  # no traceback of a worker
    _assert_gone(workers)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    parent, workers = _sleeping_parent(tmp_path)

    parent.kill()
    parent.communicate()

    _assert_gone(workers)


def _stop(index: int, result: int) -> None:
    raise StoppedError("stopped", 143)


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": root}


def _sleeping_parent(folder: Path) -> tuple["subprocess.Popen[str]", list[psutil.Process]]:
    """A process whose two workers sleep for longer than any test, and these workers."""
    program = (
        "import sys\n"
        "from forecasting.processes import run_jobs\n"
        "from tests.test_processes import report_and_sleep\n"
        "try:\n"
        f"    run_jobs(report_and_sleep, [{str(folder)!r}] * 4, 2, on_progress=print)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        start_new_session=True,
    )
    while len(list(folder.iterdir())) < 2:
        assert parent.poll() is None, parent.communicate()
        time.sleep(0.05)
    return parent, [psutil.Process(int(path.name)) for path in folder.iterdir()]


def _assert_gone(workers: list[psutil.Process]) -> None:
    while [worker for worker in workers if _runs(worker)]:
        time.sleep(0.05)


def _runs(worker: psutil.Process) -> bool:
    try:
        return worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
