"""The built site loads nothing from a network address."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("material") is None, reason="mkdocs-material: make docs installs it"
)
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?https?:|<link[^>]*rel=["']?(?:stylesheet|preconnect|preload)[^>]*https?:"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_strict_build_makes_every_page(site):
    assert (site / "reference" / "config.html").exists()


def test_no_page_loads_from_a_network_address(site):
    assert [page.name for page in site.rglob("*.html") if LOADED.search(page.read_text(encoding="utf-8"))] == []


def test_no_style_or_script_names_a_network_address_to_load(site):
    styles = [s.read_text(encoding="utf-8") for s in site.rglob("*.css")]
    assert not any(re.search(r"""@import|url\(\s*["']?https?:""", style) for style in styles)
    scripts = [s.read_text(encoding="utf-8") for s in site.rglob("*.js")]
    assert not any(re.search(r"""["'`]https?://(?!www\.w3\.org)""", script) for script in scripts)
