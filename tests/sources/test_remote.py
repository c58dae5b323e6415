"""The parquet source over a web server on loopback, and how secrets of an object store are kept."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import polars as pl
import pytest

from forecasting.errors import InputError
from forecasting.sources import ParquetSource
from forecasting.sources.places import Place

FRAME = pl.DataFrame({"unique_id": ["a", "b"], "ds": [1, 1], "y": [1.0, 2.0]})


@dataclass
class Web:
    """What it serves by path, and every path with query that was asked for, with its signature."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, name: str, frame: pl.DataFrame) -> str:
        sink = BytesIO()
        frame.write_parquet(sink)
        self.files[name] = sink.getvalue()
        return f"{self.url}{name}"


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.asked.append(self.path)
            served.signed.append(self.headers.get("Authorization", ""))
            data = served.files.get(self.path.partition("?")[0])
            if data is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            part = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
            start, stop = 0, len(data)
            if part and part[1]:
                start, stop = int(part[1]), min(len(data), int(part[2] or len(data)) + 1)
            elif part:
                start = max(0, len(data) - int(part[2]))
            self.send_response(206 if part else 200)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
            self.send_header("Content-Length", str(stop - start))
            self.send_header("ETag", sha256(data).hexdigest())
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[start:stop])

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_behind_a_web_server_is_read(web: Web):
    source = ParquetSource(web.put("/sales.parquet", FRAME.rename({"y": "sold"})), columns={"y": "sold"})
    assert source.read().select("unique_id", "ds", "y").equals(FRAME)
    assert source.scan().provenance["ETag"] == sha256(web.files["/sales.parquet"]).hexdigest()


def test_the_fingerprint_follows_what_the_server_tells(web: Web):
    url = web.put("/sales.parquet", FRAME)
    first = ParquetSource(url).scan().fingerprint
    assert first is not None
    assert ParquetSource(url).scan().fingerprint == first
    web.put("/sales.parquet", FRAME.with_columns(y=pl.lit(7.0)))
    assert ParquetSource(url).scan().fingerprint != first


def test_a_secret_in_the_uri_reaches_the_server_and_nobody_else(web: Web, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SIGNATURE", "hunter/2")
    source = ParquetSource(web.put("/sales.parquet", FRAME) + "?sig=${SIGNATURE}")
    scan = source.scan()
    assert scan.collect().equals(FRAME)
    assert "/sales.parquet?sig=hunter%2F2" in web.asked
    web.files.clear()
    told = [str(scan.provenance), repr(source), repr(Place.resolved(source.path, {}))]
    for reading in (source.scan, scan.collect):
        with pytest.raises(InputError, match=r"must be readable, got http.*404") as caught:
            reading()
        told.append(str(caught.value))
    assert not any("hunter" in text for text in told)


def test_secrets_of_an_object_store_are_references(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        InputError, match=r"written out in data\.source\.storage_options\.aws_secret_access_key"
    ) as caught:
        ParquetSource("s3://x/y", storage_options={"aws_secret_access_key": "hunter2"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InputError, match=r"written out in data\.source\.path"):
        ParquetSource("https://x/y.parquet?sig=hunter2")
    monkeypatch.setenv("STORE_KEY", "hunter2")
    options = {"aws_secret_access_key": "${STORE_KEY}", "aws_region": "eu", "max_retries": 2}
    place = Place.resolved("s3://x/y", options)
    assert place.options == {"aws_secret_access_key": "hunter2", "aws_region": "eu", "max_retries": 2}
    assert "hunter2" not in repr(place)


def test_a_file_in_a_bucket_is_read_with_the_secret_of_the_environment(web: Web, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORE_KEY", "hunter2")
    web.put("/bucket/sales.parquet", FRAME)
    source = ParquetSource("s3://bucket/sales.parquet", storage_options=bucket(web))
    assert source.read().equals(FRAME)
    assert source.scan().fingerprint is None
    assert web.signed
    assert all("Credential=me/" in text and "hunter2" not in text for text in web.signed)


def bucket(web: Web) -> dict[str, str | int]:
    """Options of a store at the server, which is asked as s3 is: /bucket/name, signed."""
    return {
        "aws_endpoint_url": web.url,
        "aws_allow_http": "true",
        "aws_region": "eu",
        "aws_access_key_id": "me",
        "aws_secret_access_key": "${STORE_KEY}",
    }


def test_a_store_that_cannot_be_reached_is_an_input_error_without_its_secrets(
    web: Web, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STORE_KEY", "hunter2")
    with pytest.raises(
        InputError, match=r"must be readable, got s3://bucket/none\.parquet: .*set data\.source \(path"
    ) as caught:
        ParquetSource("s3://bucket/none.parquet", storage_options=bucket(web)).scan()
    assert "hunter2" not in str(caught.value)
    assert any("bucket" in path for path in web.asked)
