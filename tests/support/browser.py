"""A real Chromium that can reach only the loopback interface of this machine."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from .flask_run import ROOT

AXE = ROOT / ".cache" / "axe-core" / "axe.min.js"
# The folder for screenshots. If empty, the tests write no screenshots.
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
# The browser resolves no other host name and uses no proxy.
LOOPBACK_ONLY = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-proxy-server",
)
TIMEOUT_SECONDS = 10


class Browser:
    """A browser window for the desk at `url`."""

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
        return WebDriverWait(self.driver, TIMEOUT_SECONDS).until(
            lambda driver: driver.find_element(By.CSS_SELECTOR, css)
        )

    def field(self, label: str) -> WebElement:
        """Return the form field with this label."""
        for element in self.driver.find_elements(By.CSS_SELECTOR, "input, textarea, select"):
            if element.accessible_name == label:
                return element
        raise AssertionError(f"no field has the label {label!r}")

    def value(self, label: str) -> str:
        """Return what the form field with this label contains."""
        return str(self.field(label).get_property("value"))

    def type(self, label: str, text: str) -> None:
        self.field(label).clear()
        self.field(label).send_keys(text)

    def select(self, label: str, option: str) -> None:
        Select(self.field(label)).select_by_visible_text(option)

    def buttons(self) -> dict[str, WebElement]:
        """Return the visible buttons and links by their text."""
        elements = self.driver.find_elements(By.CSS_SELECTOR, "button, a")
        return {element.text: element for element in elements if element.is_displayed()}

    def press(self, text: str) -> None:
        """Press a button or link, and wait for the next page."""
        page = self.driver.find_element(By.TAG_NAME, "html")
        self.buttons()[text].click()
        self.wait(lambda: page != self.driver.find_element(By.TAG_NAME, "html"))
        self.wait(lambda: self.driver.execute_script("return document.readyState") == "complete")

    def wait(self, condition: Any) -> None:
        # The condition can read elements of a page while the next page replaces them.
        ignored = [StaleElementReferenceException]
        WebDriverWait(self.driver, TIMEOUT_SECONDS, ignored_exceptions=ignored).until(
            lambda _: condition()
        )

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "main").text

    def path(self) -> str:
        return urlsplit(self.driver.current_url).path

    def set_width(self, pixels: int) -> None:
        """Set the viewport width. It may be smaller than the minimum width of a window."""
        size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def set_color_scheme(self, name: str) -> None:
        """Prefer the color scheme `light` or `dark`, and reduced motion.

        Without motion, no color transition can distort the contrast that axe-core measures.
        """
        preferences = {"prefers-color-scheme": name, "prefers-reduced-motion": "reduce"}
        features = [{"name": feature, "value": value} for feature, value in preferences.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def violations(self) -> list[str]:
        """Return the accessibility violations that axe-core finds, with the HTML of each node."""
        # WebDriver scripts are not subject to the page's Content-Security-Policy.
        self.driver.execute_script(AXE.read_text())
        violations = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then((found) => done(found.violations))"
        )
        return [
            f"{violation['id']}: {node['html']}"
            for violation in violations
            for node in violation["nodes"]
        ]

    def console_messages(self) -> list[dict[str, Any]]:
        """Return the messages of the browser console."""
        messages: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return messages

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the viewport."""
        script = (
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return int(self.driver.execute_script(script))

    def screenshot(self, name: str) -> None:
        """Write a screenshot of the whole page to the folder SCREENSHOTS, if it is set."""
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            script = "return document.documentElement.scrollHeight"
            height = int(self.driver.execute_script(script))
            width = int(self.driver.execute_script("return window.innerWidth"))
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            self.driver.save_screenshot(str(Path(SCREENSHOTS) / f"{name}.png"))


def through_proxy(host: str, proxy: str) -> tuple[str, ...]:
    """Return the flags that allow one host, through a proxy with untrusted certificates."""
    allowed, blocked = (f"PROXY {urlsplit(url).netloc}" for url in (proxy, "http://127.0.0.1:9"))
    choice = f"host == '{host}' ? '{allowed}' : '{blocked}'"
    script = f"function FindProxyForURL(_, host) {{ return {choice} }}"
    url = f"data:application/x-ns-proxy-autoconfig;base64,{b64encode(script.encode()).decode()}"
    return f"--proxy-pac-url={url}", "--ignore-certificate-errors"


@contextmanager
def chromium(
    url: str, profile: Path, javascript: bool = True, network: tuple[str, ...] = LOOPBACK_ONLY
) -> Iterator[Browser]:
    """Start a browser with the new profile folder `profile`, and stop it at the end."""
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
