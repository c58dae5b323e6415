"""Results by what they were made from: found again while all of that is the same, made again where a byte is not."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from forecasting import results
from forecasting.results import Aside, Job, Making, Result, Results, content_of, key_of


class Sum(BaseModel):
    total: float
    made_in: str = ""


@dataclass(frozen=True)
class Part:
    """A value inside a job, which lies somewhere."""

    folder: Aside[Path]
    numbers: np.ndarray


@dataclass(frozen=True, kw_only=True)
class SumJob(Job[Sum]):
    """Adds up; writes the numbers to a file."""

    kind = "sum"
    outcome = Sum

    part: Part
    weight: float = 1.0
    names: tuple[str, ...] = ()
    workers: Aside[int] = 1
    dies: Aside[bool] = False

    def make(self, making: Making) -> Sum:
        making.kept.mkdir(parents=True, exist_ok=True)
        (making.kept / "half").touch()
        (making.folder / "state").mkdir()
        np.save(making.folder / "state" / "numbers.npy", self.part.numbers)
        if self.dies:
            raise KeyboardInterrupt
        making.progress(1, 1, "added")
        return Sum(total=float(self.part.numbers.sum()) * self.weight, made_in=making.folder.name)


def job(tmp_path: Path, **changes) -> SumJob:
    return replace(SumJob(part=Part(tmp_path, np.arange(4.0))), **changes)


def one(store: Results, of: SumJob) -> Result[Sum]:
    (result,) = store.run([of])
    return result


def test_a_result_is_made_once_and_found_again(tmp_path):
    store = Results(tmp_path)
    made = one(store, job(tmp_path))
    again = one(Results(tmp_path), job(tmp_path))
    assert (made.reused, made.outcome.total) == (False, 6.0)
    assert again.reused
    assert (again.key, again.folder, again.outcome) == (made.key, made.folder, made.outcome)


@pytest.mark.parametrize(
    "changes", [{"weight": 2.0}, {"names": ("a",)}, {"part": Part(Path("/"), np.arange(5.0))}], ids=str
)
def test_another_value_of_a_field_is_another_result(tmp_path, changes):
    assert key_of(job(tmp_path, **changes)) != key_of(job(tmp_path))


@pytest.mark.parametrize("changes", [{"workers": 8}, {"part": Part(Path("/elsewhere"), np.arange(4.0))}], ids=str)
def test_where_and_how_fast_are_no_part_of_the_key(tmp_path, changes):
    assert key_of(job(tmp_path, **changes)) == key_of(job(tmp_path))


def test_a_path_that_is_not_set_aside_is_refused(tmp_path):
    with pytest.raises(TypeError, match="mark it as `Aside` or hold its digest"):
        content_of({"folder": tmp_path})


@pytest.mark.parametrize("library", ["torch", "numpy", "python"])
def test_another_version_of_a_library_is_another_result(tmp_path, monkeypatch, library):
    before = key_of(job(tmp_path))
    versions = results.library_versions()
    monkeypatch.setattr(results, "library_versions", lambda: versions | {library: "99"})
    assert key_of(job(tmp_path)) != before


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [truncate, empty, flip, lose])
@pytest.mark.parametrize("file", ["result.json", "state/numbers.npy"])
def test_a_result_that_cannot_be_read_back_as_it_was_written_is_made_again(tmp_path, harm, file):
    made = one(Results(tmp_path), job(tmp_path))
    harm(made.folder / file)
    again = one(Results(tmp_path), job(tmp_path))
    assert (again.reused, again.outcome.total) == (False, 6.0)
    assert one(Results(tmp_path), job(tmp_path)).reused


def test_an_outcome_of_another_shape_counts_as_absent(tmp_path):
    made = one(Results(tmp_path), job(tmp_path))
    record = json.loads((made.folder / "result.json").read_text().splitlines()[0])
    record["outcome"] = {"other": 1}
    text = json.dumps(record, sort_keys=True)
    digest = results.hashlib.sha256(text.encode()).hexdigest()
    (made.folder / "result.json").write_text(f"{text}\n{digest}\n")
    assert Results(tmp_path).find(job(tmp_path)) is None


def test_a_kill_leaves_no_half_result_and_what_was_kept_is_there_for_the_next_try(tmp_path):
    store = Results(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.run([job(tmp_path, dies=True)])
    assert store.find(job(tmp_path)) is None
    kept = tmp_path / "unfinished" / "sum" / key_of(job(tmp_path))
    assert (kept / "half").exists()
    assert one(store, job(tmp_path)).outcome.total == 6.0
    assert not kept.exists()


def test_what_a_kill_left_is_swept_up(tmp_path):
    (tmp_path / "sum" / ".key.123").mkdir(parents=True)
    assert (Results(tmp_path).sweep(), list((tmp_path / "sum").iterdir())) == (1, [])


def test_many_jobs_come_back_in_their_order_from_processes_too_and_doubles_are_made_once(tmp_path):
    jobs = [job(tmp_path, weight=float(w)) for w in (3, 1, 2, 3)]
    told = Results(tmp_path, workers=2).run(jobs)
    assert [result.outcome.total for result in told] == [18.0, 6.0, 12.0, 18.0]
    assert told[0].folder == told[3].folder
    assert len(list((tmp_path / "sum").iterdir())) == 3


@dataclass(frozen=True, kw_only=True)
class ToldJob(SumJob):
    """A job that tells how far it is."""

    weight_of_it: int = 1

    @property
    def label(self) -> str:
        return "adding"

    @property
    def size(self) -> int:
        return self.weight_of_it


def test_jobs_of_one_label_tell_their_progress_together_and_a_lone_one_its_own(tmp_path):
    heard = []
    base = {"part": Part(tmp_path, np.arange(4.0))}
    store = Results(tmp_path)
    store.run([ToldJob(**base, weight_of_it=n) for n in (2, 3)], lambda *words: heard.append(words))
    assert heard[-1] == ("adding", 5, 5, "")
    assert [done for _, done, _, _ in heard] == sorted(done for _, done, _, _ in heard)
    heard.clear()
    store.run([ToldJob(**base)], lambda *words: heard.append(words))
    assert heard == [("adding", 1, 1, "added")]
