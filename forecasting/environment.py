"""The one place where environment variables are read or set: every value is a default that a user may override.

It imports nothing heavy: it must run before mlflow, prefect and ray, which read their variables when they are imported.
"""

import getpass
import os
from pathlib import Path

_QUIET = {
    # nobody is told that this runs: MLflow knows only the word "true" here
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    # what the libraries print beside our own output
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    # a tracking server that is down is given up within seconds: a run goes on and is recorded later
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    # MLflow does not look for git, uv or pickles
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}

_MLFLOW_SERVER = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for scorers of language models
    "MLFLOW_MODEL_CATALOG_URI": "",  # no list of language models from the net
    "PYTHONWARNINGS": "ignore",
}


def quiet() -> None:
    """Telemetry off, chatter low, pickle refused, short waits for servers: each a default where the variable is unset.

    Call it before mlflow, prefect or ray is imported; later it does no harm but comes too late for some of it.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def prefect_home(workspace: Path) -> Path:
    """Folder of Prefect's state: PREFECT_HOME where it is set, else `<workspace>/prefect` (absolute).

    PREFECT_HOME is set to it unless PREFECT_API_URL names a server, which keeps its state itself; its parents are made
    then, since Prefect makes the folder when it is imported and complains where it cannot. Call it before that.
    """
    named = os.environ.get("PREFECT_HOME")
    home = Path(named) if named else workspace.absolute() / "prefect"
    if not os.environ.get("PREFECT_API_URL"):
        home.parent.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("PREFECT_HOME", str(home))
    return home


def prefect_server() -> str | None:
    """The API of a Prefect server that this process was told to use, None where there is none."""
    return os.environ.get("PREFECT_API_URL") or None


def mlflow_server_environment(uri: str) -> dict[str, str]:
    """All variables for a child process that serves MLflow's page on the store at `uri`, what it does not need off.

    The store is named here and not on the command line, where everybody could read a password in it.
    """
    return {**_QUIET, **os.environ, **_MLFLOW_SERVER, "MLFLOW_BACKEND_STORE_URI": uri}


def git_environment() -> dict[str, str]:
    """All variables for a `git` child that only reads: no lock on the index, no question on the terminal."""
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def variable(name: str) -> str | None:
    """The value of a variable that a config names, None where it is not set."""
    return os.environ.get(name)


def user_name() -> str:
    """Who runs this process, "unknown" where the system has no name for the user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
