"""Real faults of a real `forecast ingest`: kill -9 at random moments under a reader, a full disk, a corrupt file, a race."""

import json
import random
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from deltalake.exceptions import TableNotFoundError

from forecasting.config import load_config
from forecasting.series.table.digest import digest_of
from forecasting.series.table.store import SeriesStore
from forecasting.stages.ingest import ingest
from forecasting.stages.plan import plan_of

pytestmark = pytest.mark.slow

N_SERIES, N_DAYS = 1200, 100
LANES, KILLS = 3, 17  # 51 kills


class Lane:
    """A pipeline of its own, whose source can be either of two contents."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "lane.yaml"
        folder.mkdir(parents=True)
        raw = {
            "name": "lane",
            "workspace": str(folder / "workspace"),
            "workers": 2,
            "chunk_mib": 0.25,  # eight chunks, through files
            "data": {"source": {"kind": "parquet", "path": str(folder / "input")}, "freq": "1d", "season_length": 7},
            "task": {"horizon": 7},
        }
        self.config.write_text(yaml.safe_dump(raw))
        self.root = folder / "workspace" / "lane"
        self.store = SeriesStore(self.root)

    def offer(self, content: int) -> None:
        """Make this content the source, as an export would: a file after the other."""
        (self.folder / "input").mkdir(exist_ok=True)
        for number, part in enumerate(rows(content).iter_slices(N_SERIES * N_DAYS // 4)):
            part.write_parquet(self.folder / "input" / f".{number}")
            (self.folder / "input" / f".{number}").replace(self.folder / "input" / f"{number}.parquet")

    def start(self, *options: str, before: Callable[[], None] | None = None) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "forecasting.cli", "ingest", str(self.config), "--json", *options]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, start_new_session=True, preexec_fn=before)

    def finish(self) -> str:
        """A run that nobody disturbs; its digest."""
        out, err = (process := self.start()).communicate()
        assert process.returncode == 0, err.decode()[-2000:]
        return str(json.loads(out.splitlines()[-1])["stages"]["ingest"]["digest"])


def rows(content: int) -> pl.DataFrame:
    """A day after the other, series of a day in random order."""
    random_ = np.random.default_rng(content)
    ids = pl.Series("unique_id", [f"series_{k:04d}" for k in range(N_SERIES)])
    parts = [
        pl.DataFrame(
            {
                "unique_id": ids.gather(random_.permutation(N_SERIES)),
                "ds": pl.repeat(date(2024, 1, 1) + timedelta(days=day), N_SERIES, dtype=pl.Date, eager=True),
                "y": random_.normal(size=N_SERIES),
            }
        )
        for day in range(N_DAYS)
    ]
    return pl.concat(parts)


@pytest.fixture(scope="module")
def digests() -> dict[int, str]:
    return {content: digest_of(rows(content)) for content in (0, 1)}


@contextmanager
def reader(lane: Lane) -> Iterator[list[str]]:
    """Reads the table throughout, as any Delta reader does; gives what was wrong, and ends after a last look."""
    wrong: list[str] = []
    seen: set[str] = set()
    known = {digest_of(rows(content)) for content in (0, 1)}
    done = threading.Event()

    def look() -> None:
        try:
            digest = digest_of(pl.read_delta(str(lane.root / "series")))
        except TableNotFoundError:
            return
        seen.add(digest)
        if digest not in known:
            wrong.append(f"a table of digest {digest}")

    def poll() -> None:
        while not done.is_set():
            try:
                look()
            except Exception as error:  # noqa: BLE001 - whatever a reader meets is a fault
                wrong.append(repr(error))
            done.wait(0.2)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield wrong
    finally:
        done.set()
        thread.join()
        look()


def begun(lane: Lane, process: "subprocess.Popen[bytes]") -> bool:
    """Waits until the process has the pipeline's lock and drafts a version; False where it ended before."""
    while process.poll() is None:
        if any(lane.root.glob(".draft-*")):
            return True
        time.sleep(0.002)
    return False


def seconds_of(lane: Lane) -> tuple[float, float]:
    """How long an ingest takes from its first draft to the commit, and from there to its end."""
    log = lane.root / "series" / "_delta_log"
    commits = len(list(log.iterdir()))
    process = lane.start()
    assert begun(lane, process)
    started = time.monotonic()
    while len(list(log.iterdir())) == commits and process.poll() is None:
        time.sleep(0.002)
    committed = time.monotonic()
    process.communicate()
    return committed - started, time.monotonic() - committed


def killed(lane: Lane, moment: float) -> bool:
    """One ingest, killed `moment` seconds after its draft began (below 0: while it starts); whether it was still there."""
    process = lane.start()
    if moment >= 0 and begun(lane, process):
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
    elif moment < 0:
        time.sleep(-moment)
    alive = process.poll() is None
    process.kill()  # nothing where it has ended by itself
    process.communicate()
    return alive


def kill_often(folder: Path, seed: int, digests: dict[int, str]) -> int:
    """Kills until KILLS hit; gives how many of them came after the commit."""
    lane, moments = Lane(folder), random.Random(seed)
    lane.offer(0)
    assert lane.finish() == digests[0]
    content, late, tries = 0, 0, 0
    lane.offer(1)
    drafting, recording = seconds_of(lane)
    content = 1
    with reader(lane) as wrong:
        hits = 0
        while hits < KILLS:
            tries += 1
            lane.offer(1 - content)
            moment = moments.uniform(0.0, 1.2 * drafting)
            if tries % 6 == 0:  # while it starts, or after the commit
                moment = moments.choice([-1.0, drafting + recording * moments.random()])
            hit = killed(lane, moment)
            hits += hit
            now = lane.store.current()
            assert now is not None
            assert now.digest in digests.values()
            assert digest_of(lane.store.read()) == now.digest
            if now.digest == digests[1 - content]:
                content, late = 1 - content, late + hit
            if hits % 6 == 5:
                lane.offer(1 - content)
                assert lane.finish() == digests[1 - content]
                content = 1 - content
                assert not list(lane.root.glob(".draft-*"))
        lane.offer(1 - content)
        assert lane.finish() == digests[1 - content]
    assert not wrong
    assert lane.store.sweep() == 0
    return late


@pytest.mark.timeout(900)
def test_an_ingest_killed_at_fifty_random_moments_leaves_the_old_version_or_the_new_one(tmp_path: Path, digests):
    with ThreadPoolExecutor(LANES) as pool:
        jobs = [pool.submit(kill_often, tmp_path / f"lane{k}", k, digests) for k in range(LANES)]
        late = sum(job.result() for job in jobs)
    assert LANES * KILLS >= 50
    assert 0 < late < LANES * KILLS  # some kills came before the commit, some after


def small_files() -> None:
    """No file may grow to what the drafts of this data need."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_where_files_may_not_grow_the_error_says_so_and_the_old_version_stays(tmp_path: Path, digests):
    lane = Lane(tmp_path / "lane")
    lane.offer(0)
    assert lane.finish() == digests[0]
    lane.offer(1)
    process = lane.start(before=small_files)
    _, err = process.communicate()
    assert process.returncode == 4, err.decode()[-2000:]
    assert "the file limit is reached" in err.decode()
    check_untouched(lane, digests[0])
    assert lane.finish() == digests[1]


def test_a_full_disk_is_named_and_the_old_version_stays(tmp_path: Path, digests):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        lane = Lane(tmp_path / "lane")
        config = yaml.safe_load(lane.config.read_text()) | {"workspace": str(place)}
        lane.config.write_text(yaml.safe_dump(config))
        lane.root, lane.store = place / "lane", SeriesStore(place / "lane")
        lane.offer(0)
        assert lane.finish() == digests[0]
        filler = place / "filler"
        filler.write_bytes(bytes(max(0, shutil.disk_usage(place).free - 400_000)))
        lane.offer(1)
        process = lane.start()
        _, err = process.communicate()
        assert process.returncode == 4, err.decode()[-2000:]
        assert "no space left" in err.decode()
        check_untouched(lane, digests[0])
        filler.unlink()
        assert lane.finish() == digests[1]
    finally:
        subprocess.run(["umount", str(place)], check=True)


def check_untouched(lane: Lane, digest: str) -> None:
    """The version of this digest is current, whole, and all that is there."""
    now = lane.store.current()
    assert now is not None
    assert now.digest == digest == digest_of(pl.read_delta(str(lane.root / "series")))
    assert not list(lane.root.glob(".draft-*"))
    assert lane.store.sweep() == 0


def test_a_corrupt_file_among_good_ones_is_named_and_nothing_is_published(tmp_path: Path, digests):
    lane = Lane(tmp_path / "lane")
    lane.offer(0)
    assert lane.finish() == digests[0]
    lane.offer(1)
    damaged = lane.folder / "input" / "2.parquet"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:1000] + bytes(len(content) - 3000) + content[-2000:])
    process = lane.start()
    _, err = process.communicate()
    assert process.returncode == 2, err.decode()[-2000:]
    assert str(damaged) in err.decode()
    check_untouched(lane, digests[0])


def test_of_two_ingests_at_once_one_publishes_and_the_other_is_done_or_locked_out(tmp_path: Path, digests):
    lane = Lane(tmp_path / "lane")
    lane.offer(0)
    both = [lane.start(), lane.start()]
    outputs = [process.communicate() for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 5]), outputs
    told = [out.splitlines()[-1] for (out, _), process in zip(outputs, both, strict=True) if process.returncode == 0]
    assert {json.loads(line)["stages"]["ingest"]["digest"] for line in told} == {digests[0]}
    now = lane.store.current()
    assert now is not None
    assert (now.version, now.digest) == (0, digests[0])
    config = load_config(lane.config)
    assert ingest(plan_of(config)).summary.reused
