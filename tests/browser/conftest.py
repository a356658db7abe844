"""A page from disk in a headless Chromium: driven by selenium, cut off from any network, its complaints collected."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

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
