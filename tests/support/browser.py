"""A real Chromium, held to this machine's loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from .flask_run import ROOT

AXE = ROOT / ".cache" / "axe-core" / "axe.min.js"
# Where the screenshots go; empty: nowhere.
SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
# Nothing but loopback has a name or an address.
LOOPBACK_ONLY = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-proxy-server",
)
SECONDS = 10


class Browser:
    """A window at the desk of `url`."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def go(self, path: str) -> None:
        self.driver.get(self.url + path)

    def sign_in(self, key: str) -> None:
        self.go("/desk")
        self.type("Your key", key)
        self.press("Sign in")

    def find(self, css: str) -> WebElement:
        return WebDriverWait(self.driver, SECONDS).until(
            lambda driver: driver.find_element(By.CSS_SELECTOR, css)
        )

    def field(self, label: str) -> WebElement:
        """Return the field with this label."""
        for each in self.driver.find_elements(By.CSS_SELECTOR, "input, textarea, select"):
            if each.accessible_name == label:
                return each
        raise AssertionError(f"no field {label!r}")

    def type(self, label: str, text: str) -> None:
        self.field(label).clear()
        self.field(label).send_keys(text)

    def choose(self, label: str, option: str) -> None:
        Select(self.field(label)).select_by_visible_text(option)

    def buttons(self) -> dict[str, WebElement]:
        """Return what can be pressed and seen, by its text."""
        found = self.driver.find_elements(By.CSS_SELECTOR, "button, a")
        return {each.text: each for each in found if each.is_displayed()}

    def press(self, text: str) -> None:
        """Press a button or follow a link, and wait for the next page."""
        page = self.driver.find_element(By.TAG_NAME, "html")
        self.buttons()[text].click()
        self.wait(lambda: page != self.driver.find_element(By.TAG_NAME, "html"))
        self.wait(lambda: self.driver.execute_script("return document.readyState") == "complete")

    def wait(self, true: Any) -> None:
        WebDriverWait(self.driver, SECONDS).until(lambda _: true())

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "main").text

    def path(self) -> str:
        return urlsplit(self.driver.current_url).path

    def width(self, pixels: int) -> None:
        """Show pages this wide, whatever the least width of a window."""
        size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def scheme(self, name: str) -> None:
        """Prefer `light` or `dark`, and no motion: colours that change slowly have no contrast."""
        wanted = {"prefers-color-scheme": name, "prefers-reduced-motion": "reduce"}
        features = [{"name": feature, "value": value} for feature, value in wanted.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def violations(self) -> list[str]:
        """Return what axe-core finds wrong with the page, each with where."""
        # As an extension would, apart from the page's Content-Security-Policy.
        self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then((found) => done(found.violations))"
        )
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    def log(self) -> list[dict[str, Any]]:
        """Return what the console says."""
        said: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return said

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than what is shown of it."""
        script = (
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(self.driver.execute_script(script))

    def screenshot(self, name: str) -> None:
        """Write the whole page where the environment says."""
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            script = "return document.documentElement.scrollHeight"
            height = int(self.driver.execute_script(script))
            width = int(self.driver.execute_script("return window.innerWidth"))
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            self.driver.save_screenshot(str(Path(SCREENSHOTS) / f"{name}.png"))


@contextmanager
def chromium(
    url: str, profile: Path, javascript: bool = True, network: tuple[str, ...] = LOOPBACK_ONLY
) -> Iterator[Browser]:
    """Start a browser with a new profile, and leave nothing behind."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, *network, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if not javascript:
        settings = {"profile.managed_default_content_settings.javascript": 2}
        options.add_experimental_option("prefs", settings)
    driver = Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield Browser(driver, url)
    finally:
        driver.quit()
