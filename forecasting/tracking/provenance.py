"""Where a run comes from: comes in this process, goes out tags with commit, versions, machine and user."""

import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from forecasting.environment import git_environment, user_name

_PACKAGES = (
    "torch",
    "numpy",
    "polars",
    "pyarrow",
    "pandas",
    "deltalake",
    "dataframely",
    "pydantic",
    "optuna",
    "mlflow",
    "prefect",
    "sqlalchemy",
    "statsmodels",
    "statsforecast",
    "safetensors",
    "plotly",
    "holidays",
)
_GIT_SECONDS = 10.0


@cache
def provenance(device: str = "cpu") -> dict[str, str]:
    """Tags of a run: git commit and dirty flag (in a checkout), package versions, Python, platform, device name, user.

    `device` is a torch device such as cpu or cuda:0. Found out once per process.
    """
    versions = package_versions()
    tags = {
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": Path(sys.argv[0]).name or "python",
        "mlflow.user": user_name(),
        "forecasting.version": versions.pop("forecasting", "not installed"),
        "forecasting.python": platform.python_version(),
        "forecasting.platform": platform.platform(),
        "forecasting.device_name": device_name(device),
        "forecasting.packages": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    commit = git_commit(Path(__file__).parent)
    if commit is not None:
        tags["mlflow.source.git.commit"], dirty = commit
        tags["forecasting.git_dirty"] = "true" if dirty else "false"
    return tags


def package_versions() -> dict[str, str]:
    """Versions of this package and of what it computes with, those installed."""
    versions = {}
    for name in ("forecasting", *_PACKAGES):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_commit(folder: Path) -> tuple[str, bool] | None:
    """Commit of the checkout that tracks files in `folder`, and whether a tracked file differs from it; else None."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit or not _git(folder, "ls-files", "."):
        return None
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, bool(status)


def device_name(device: str) -> str:
    """What the processor or the CUDA device calls itself."""
    if device.startswith("cuda"):
        import torch  # loaded already by whoever computes on the device

        return str(torch.cuda.get_device_name(device))
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, or None where there is no git, no checkout, or no answer in time."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, env=git_environment(), capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
