"""A page from disk in a headless Chromium: driven by selenium, cut off from any network, its complaints collected."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pytest

from harness.report import style
from harness.report.figures import Drawing
from harness.report.page import compose
from harness.report.tables import tabulate
from harness.results import Sweep, read_sweep
from tests import sweeps
from tests.browser.made_up import NASTY, TEXTS, generations

T = TypeVar("T")

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # whatever a page asks for is not there
    "--window-size=1280,900",
)
HERE = ("file:", "data:", "blob:")  # addresses that leave no machine


@dataclass(frozen=True)
class Page:
    """An open page."""

    driver: Any

    def open(self, path: Path) -> None:
        """Open a file, and forget what earlier pages have said."""
        self.driver.get("about:blank")
        self.complaints(), self.requests()
        self.driver.get(path.resolve().as_uri())

    def js(self, script: str, *arguments: Any) -> Any:
        """What a piece of JavaScript returns."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        """The first element."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """What the elements that match say."""
        found: list[str] = self.js(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", selector
        )
        return found

    def press(self, *keys: str) -> None:
        """Keys, to what has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def until(self, condition: Callable[[], T], seconds: float = 10) -> T:
        """What the condition gives once it gives anything."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.02)
        return found

    def look(self, width: int, height: int = 900, *, dark: bool = False, paper: bool = False) -> None:
        """Take on a width in CSS pixels and a colour scheme, on screen or on paper."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        media = {"media": "print" if paper else "screen", "features": [scheme]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def complaints(self) -> list[str]:
        """What has come to the console since it was last asked: errors, warnings, refusals of the page's policy."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]

    def requests(self) -> list[str]:
        """The addresses beyond this machine asked for since it was last asked, but for those a policy stopped."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked: dict[str, str] = {}
        for event in events:
            told = event["params"]
            if event["method"] == "Network.requestWillBeSent":
                asked[told["requestId"]] = told["request"]["url"]
            elif event["method"] == "Network.loadingFailed" and told.get("blockedReason") == "csp":
                asked.pop(told["requestId"], None)
        return [url for url in asked.values() if not url.startswith((*HERE, "about:"))]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The driver of a Chromium, for all tests of a session."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="pages are tested with selenium: it is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver_path = shutil.which("chromedriver")
    if binary is None or driver_path is None:
        pytest.skip("pages are tested in Chromium: put chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver_path))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    """A wide, light page. After the test nothing may have complained, and nothing asked for anything from elsewhere."""
    opened = Page(chromium)
    opened.look(1280)
    yield opened
    assert opened.complaints() == []
    assert opened.requests() == []


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Six jobs and references on five prompts.

    One job has two samples, one says nasty things, one has other texts, and the last text of one has ended by itself.
    """
    made = read_sweep(sweeps.sweep(tmp_path_factory.mktemp("sweep"), sweeps.SIX, prompts=5))
    jobs = [replace(job, generations=generations(job.generations, {})) for job in made.jobs]
    first = made.jobs[0].generations
    jobs[0] = replace(jobs[0], generations=generations(first, TEXTS))
    twice = [generations(first, {"p0": f"sample {i}"}, sample=i) for i in (0, 1)]
    jobs[1] = replace(jobs[1], generations=pd.concat(twice), label=f"two {NASTY}")
    ended = jobs[2].generations
    jobs[2] = replace(jobs[2], generations=ended.assign(finish=["length"] * (len(ended) - 1) + ["eos"]))
    platform = {"platform": "Linux-6.18.44-with-a-name-that-is-longer-than-a-phone-is-wide-x86_64-with-glibc2.36"}
    jobs[0] = replace(jobs[0], provenance={**jobs[0].provenance, **platform})
    return replace(made, jobs=jobs)


@pytest.fixture(scope="session")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a broad figure."""
    folder = tmp_path_factory.mktemp("figures")
    with style.styled():
        style.save(style.new(9, 1, layout=None), folder / "broad")
    return folder


@pytest.fixture(scope="session")
def file(sweep: Sweep, drawing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that sweep."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    drawings = [Drawing("broad", "A figure", "So broad.", lambda *_: None)]
    html = compose(sweep, tabulate(sweep.jobs, sweep.references), drawings, drawing)
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture
def report(page: Page, file: Path) -> Page:
    """The page, open, its first texts shown."""
    page.open(file)
    page.until(lambda: page.texts(".card"))
    return page
