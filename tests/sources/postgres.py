"""A PostgreSQL server of a test's own: on a temporary folder and a free loopback port, gone with the test."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PASSWORD = "N0t-for/any:log@all"  # every character that a URL reserves for itself
USER = "owner"
_INITDB = ("-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")


@dataclass(frozen=True)
class Server:
    """Where it listens; `url` holds the password as a client writes it."""

    port: int

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}/postgres"

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{quote(PASSWORD, safe='')}@{self.place}"


def binaries() -> Path | None:
    """The folder with initdb and postgres; None where PostgreSQL is not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = [folder for folder in folders if (folder / "initdb").is_file()]
    named = shutil.which("initdb")
    return found[0] if found else Path(named).parent if named else None


@contextmanager
def running() -> Iterator[Server]:
    """A server that asks for the password on every connection."""
    where = binaries()
    assert where is not None
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="postgres-") as folder:
        home = Path(folder)
        (home / "password").write_text(PASSWORD)
        who = _owner(home)
        subprocess.run(
            [where / "initdb", "-D", home / "data", "-U", USER, *_INITDB, f"--pwfile={home / 'password'}"],
            check=True,
            capture_output=True,
            **who,
        )
        port = _free_port()
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": home, "fsync": "off"}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        control = [where / "pg_ctl", "-D", home / "data", "-w", "-l", home / "log"]
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, **who)
        try:
            yield Server(port)
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, **who)


def _owner(home: Path) -> dict[str, object]:
    """Who runs the server: never root, which PostgreSQL refuses."""
    if os.getuid() != 0:
        return {"cwd": home}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    for path in (home, home / "password"):
        os.chown(path, user.pw_uid, user.pw_gid)
    return {"cwd": home, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
