"""The board of an environment within moto, served for the tests of a module."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from pytest_httpserver import HTTPServer

from scripts.services import Services
from tests.builders import board

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
NO_BROWSER = "no Chromium or Chrome is on the PATH. On Debian and Ubuntu: apt-get install chromium"


@pytest.fixture(scope="module")
def account() -> Iterator[None]:
    """The credentials of moto, which the fixtures of a module need before those of a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(scope="module")
def website() -> Iterator[HTTPServer]:
    with HTTPServer() as server:
        yield server


@pytest.fixture(scope="module")
def services(account: None, website: HTTPServer) -> Iterator[Services]:
    """An environment without releases."""
    with board.environment(website) as services:
        yield services


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root, as whom CI runs. The pages are our own.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()
