"""The page in a real browser: a picture goes in, maps and experts come out."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT

if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
    pytest.skip("needs chromium and chromedriver", allow_module_level=True)
pytest.importorskip("gradio", reason="needs the extra app")
selenium = pytest.importorskip("selenium", reason="needs the extra dev")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def address(finished_run: Path) -> Iterator[str]:
    """The page of a finished run, served on a free port."""
    command = [sys.executable, str(ROOT / "scripts" / "app.py"), str(finished_run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert "http://127.0.0.1:" in line
        yield line.split(": ", 1)[1].split()[0]
        server.terminate()


@pytest.fixture
def browser() -> Iterator[Chrome]:
    """Headless Chromium that finds this machine only, and logs what it asks for."""
    options = ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1400,1100"):
        options.add_argument(argument)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    chrome = Chrome(options, ChromeService(shutil.which("chromedriver")))
    yield chrome
    chrome.quit()


def button(browser: Chrome, name: str) -> None:
    """Click the element with this text."""
    found = browser.find_elements(By.XPATH, f"//button[normalize-space()='{name}']")
    next(element for element in found if element.is_displayed()).click()


def images(browser: Chrome) -> list[str]:
    """The sources of all images that are shown."""
    found = browser.find_elements(By.TAG_NAME, "img")
    return [str(image.get_attribute("src")) for image in found if image.is_displayed()]


def test_a_picture_is_predicted(address: str, browser: Chrome, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    browser.get(address)
    wait = WebDriverWait(browser, 60)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "input[type=file]"))
    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(tmp_path / "photo.png"))
    wait.until(lambda b: len(images(b)) == 1)
    button(browser, "Predict")
    wait.until(lambda b: len(images(b)) >= 4)  # both sides of the slider, and the legend
    first = images(browser)
    browser.find_element(By.XPATH, "//span[text()='normals']/../input[@type='radio']").click()
    wait.until(lambda b: len(images(b)) >= 4 and images(b) != first)
    button(browser, "Experts")
    wait.until(lambda b: "experts" in b.find_element(By.TAG_NAME, "body").text)
    wait.until(lambda b: len(images(b)) >= 6)  # the picture, and a map for every task
    time.sleep(1)
    asked = [
        entry["message"].split('"url":"')[1].split('"')[0]
        for entry in browser.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"] and '"url":"' in entry["message"]
    ]
    elsewhere = {url for url in asked if urlparse(url).scheme in ("http", "https")}
    elsewhere = {url for url in elsewhere if urlparse(url).hostname != "127.0.0.1"}
    severe = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert not [e for e in severe if "127.0.0.1" in e["message"]], severe
    assert not elsewhere


def test_the_server_listens_on_this_machine_only(address: str) -> None:
    assert urlparse(address).hostname == "127.0.0.1"
