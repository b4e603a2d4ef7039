"""The pages in a real browser, without a network: Debian's chromium, headless."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mtl_ase.run_pages import RunContent, SampleSet, write_run_page, write_runs_page
from tests.run_pages.conftest import MakeRun

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
if not (CHROMIUM and shutil.which("chromedriver")):
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

PHONE, DESKTOP = 390, 1280
Open = Callable[..., Any]
DRAWN = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
"""Waits until the page is laid out and drawn: on a busy machine that is after it is loaded."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.execute_cdp_cmd("Network.enable", {})
    conditions = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(
    evaluated_run: RunContent,
    samples: SampleSet,
    make_run: MakeRun,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """A page of a run, and one of three."""
    folder = tmp_path_factory.mktemp("pages")
    write_run_page(folder / "run.html", evaluated_run, samples)
    others = [make_run(f"browsed_{seed}", seed=seed, evaluated=True) for seed in (0, 1)]
    write_runs_page(folder / "runs.html", "runs", [evaluated_run, *others], {})
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture
def open_page(browser: Any, pages: dict[str, Path]) -> Iterator[Open]:
    """Opens a page; at the end nothing was complained of and nothing left the machine."""
    browser.get_log("performance")

    def open_it(name: str = "run", width: int = DESKTOP, scheme: str = "light") -> Any:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get(pages[name].as_uri())
        browser.execute_async_script(DRAWN)
        return browser

    yield open_it
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    assert [url for url in asked if not url.startswith(("file:///", "data:"))] == []


def find(page: Any, selector: str) -> Any:
    return page.find_element(By.CSS_SELECTOR, selector)


def picture(page: Any, selector: str) -> bytes:
    """What is seen of an element."""
    png: bytes = find(page, selector).screenshot_as_png
    return png


def test_sliders_uncover_the_prediction(open_page: Open) -> None:
    page = open_page()
    slider = find(page, "figure[data-task=semseg] input[type=range]")
    assert slider.get_attribute("aria-valuetext") == "50 % image, 50 % prediction"
    before = picture(page, "figure[data-task=semseg] .compare")
    slider.send_keys(*[Keys.ARROW_LEFT] * 20)
    assert slider.get_attribute("aria-valuetext") == "30 % image, 70 % prediction"
    cut = find(page, "figure[data-task=semseg] .right").value_of_css_property("clip-path")
    assert cut == "inset(0px 0px 0px 30%)"
    assert picture(page, "figure[data-task=semseg] .compare") != before
    slider.send_keys(Keys.HOME)
    assert slider.get_attribute("aria-valuetext") == "0 % image, 100 % prediction"
    others = page.find_elements(By.CSS_SELECTOR, ".compare input")
    assert [other.get_attribute("value") for other in others] == ["0", *["50"] * 4]


def test_a_slider_follows_the_pointer(open_page: Open) -> None:
    page = open_page()
    slider = find(page, "figure[data-task=edge] input[type=range]")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
    quarter = slider.size["width"] // 4
    actions = webdriver.ActionChains(page)
    actions.move_to_element(slider).click_and_hold().move_by_offset(quarter, 0).release().perform()
    assert 70 <= int(slider.get_attribute("value")) <= 80


def test_another_image_and_the_labels_are_shown(open_page: Open, samples: SampleSet) -> None:
    page = open_page()
    left, right = "figure[data-task=semseg] .left", "figure[data-task=semseg] .right"
    find(page, "#sample-next").click()
    second = samples.samples[1]
    assert find(page, left).get_attribute("src") == second.image
    assert find(page, right).get_attribute("src") == second.tasks["semseg"].prediction
    find(page, "input[value=label]").click()
    assert find(page, left).get_attribute("src") == second.tasks["semseg"].label
    assert find(page, left).get_attribute("alt") == f"{second.image_id}: label of semseg"
    assert find(page, "figure[data-task=semseg] .against").text == "label | prediction"
    find(page, "#sample-before").click()
    find(page, "#sample-before").click()
    last = samples.samples[-1]
    assert find(page, "#sample").get_attribute("value") == str(len(samples.samples) - 1)
    assert find(page, right).get_attribute("src") == last.tasks["semseg"].prediction
    named = page.find_elements(By.CSS_SELECTOR, "figure[data-task=semseg] li")
    shown = [entry.text for entry in named if entry.is_displayed()]
    assert shown == list(last.tasks["semseg"].shown)


def test_the_router_slider_goes_through_the_steps(open_page: Open) -> None:
    page = open_page()
    slider = find(page, "#router-step")
    assert find(page, "#router-at").text == "10"
    before = picture(page, "#router-maps")
    slider.send_keys(Keys.HOME)
    assert find(page, "#router-at").text == "0"
    assert slider.get_attribute("aria-valuetext") == "step 0"
    first = picture(page, "#router-maps")
    assert first != before
    find(page, "input[value=share]").click()
    assert picture(page, "#router-maps") not in (first, before)
    slider.send_keys(Keys.END)
    find(page, "input[value=gate]").click()
    assert picture(page, "#router-maps") == before, "the script draws as the page was written"


def test_cells_and_curves_can_be_read(open_page: Open, evaluated_run: RunContent) -> None:
    page = open_page()
    cell = page.find_elements(By.CSS_SELECTOR, "#router-maps rect")[5]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", cell)
    webdriver.ActionChains(page).move_to_element(cell).perform()
    told = find(page, "#router-readout").text
    gate = float([row["gate"] for row in evaluated_run.routers if row["step"] == "10"][5])
    assert told.startswith("semseg, layer 0, expert 5, shared: mean gate weight ")
    assert float(told.split("weight ")[1].split(",")[0]) == pytest.approx(gate, abs=0.02)
    chart = find(page, "#curves svg.chart")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    webdriver.ActionChains(page).move_to_element_with_offset(chart, 4000 // 30, 0).perform()
    step, value = find(page, ".tip").text.splitlines()
    logged = {f"step {row['step']}": row["train/semseg/loss"] for row in evaluated_run.log}
    assert float(value) == pytest.approx(float(logged[step]), abs=0.01)


def test_only_what_differs_is_shown_unless_asked(open_page: Open) -> None:
    page = open_page()
    rows = """
      const rows = [...document.querySelectorAll("#config tbody tr")];
      return [rows.filter((row) => row.offsetHeight).map((row) => row.innerText), rows.length];
    """
    shown, count = page.execute_script(rows)
    assert 0 < len(shown) < count / 2
    assert "training.optimizer.lr" in " ".join(shown)
    find(page, "#only-differences").click()
    shown, count = page.execute_script(rows)
    assert len(shown) == count


@pytest.mark.parametrize("name", ["run", "runs"])
@pytest.mark.parametrize("width", [320, PHONE, 800, DESKTOP])
def test_nothing_overflows(open_page: Open, name: str, width: int) -> None:
    page = open_page(name, width)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    outside = """
      const wide = document.documentElement.clientWidth;
      return [...document.querySelectorAll("main *")].filter((e) =>
        e.getBoundingClientRect().right > wide + 1 && !e.closest(".scroll, .hidden, svg")
      ).map((e) => e.outerHTML.slice(0, 80));
    """
    assert page.execute_script(outside) == []


CONTRASTS = """
  const luminance = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => {
      const s = v / 255;
      return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.querySelector("section")).backgroundColor);
  const contrast = (colour) => {
    const [low, high] = [luminance(colour), ground].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = [...document.querySelectorAll("main :is(p, td, th, dt, dd, a, small, summary)")];
  const lines = [...document.querySelectorAll("polyline")];
  return [
    Math.min(...texts.map((e) => contrast(getComputedStyle(e).color))),
    Math.min(...lines.map((e) => contrast(getComputedStyle(e).stroke))),
    ground,
  ];
"""


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_light_and_dark_can_be_read(open_page: Open, scheme: str, dark: bool) -> None:
    page = open_page("run", scheme=scheme)
    text, lines, ground = page.execute_script(CONTRASTS)
    assert (ground < 0.1) == dark
    assert text >= 4.5, "WCAG AA of text"
    assert lines >= 3, "WCAG AA of graphics"


def test_all_controls_are_reached_by_the_keyboard(open_page: Open) -> None:
    page = open_page()
    visible = "a[href], button, input, select, summary, [tabindex='0']"
    wanted = {
        element.id
        for element in page.find_elements(By.CSS_SELECTOR, visible)
        if element.is_displayed()
        and (element.get_attribute("type") != "radio" or element.is_selected())
    }
    reached = set()
    for _ in range(2 * len(wanted)):
        if wanted <= reached:
            break
        webdriver.ActionChains(page).send_keys(Keys.TAB).perform()
        focused = page.switch_to.active_element
        reached.add(focused.id)
    assert wanted <= reached


def is_slider(node: dict[str, Any]) -> bool:
    return node.get("role", {}).get("value") == "slider"


def tree_with(page: Any, num_sliders: int) -> list[dict[str, Any]] | None:
    """The accessibility tree, once it has so many sliders."""
    tree: list[dict[str, Any]] = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return tree if sum(map(is_slider, tree)) >= num_sliders else None


def test_sliders_tell_a_screen_reader_what_they_are(open_page: Open) -> None:
    page = open_page()
    # the browser makes the tree after the page, piece by piece
    tree = WebDriverWait(page, 30).until(lambda page: tree_with(page, num_sliders=6))
    named = {
        node["name"]["value"].strip(): told["value"]["value"]
        for node in tree
        if is_slider(node)
        for told in node["properties"]
        if told["name"] == "valuetext"
    }
    assert named["human parts, where the prediction begins"] == "50 % image, 50 % prediction"
    assert named["Step"] == "step 10"
    assert len(named) == 6
    unnamed = [
        node["role"]["value"]
        for node in tree
        if node.get("role", {}).get("value")
        in ("slider", "button", "link", "checkbox", "radio", "combobox", "image", "table")
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


def test_paper_has_no_controls(open_page: Open) -> None:
    page = open_page()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not find(page, "nav").is_displayed()
    assert not find(page, ".controls").is_displayed()
    assert find(page, "table").is_displayed()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_markup_that_got_through_would_not_run(
    browser: Any, pages: dict[str, Path], tmp_path: Path
) -> None:
    """The document's own policy, in case escaping fails."""
    text = pages["run"].read_text()
    attack = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    (tmp_path / "attacked.html").write_text(text.replace("<h2", f"{attack}<h2"))
    browser.get((tmp_path / "attacked.html").as_uri())
    assert browser.execute_script("return window.hacked") is None
    assert find(browser, "#router-at").text == "10", "our own script runs"
    refused = browser.get_log("browser")
    assert any("Content Security Policy" in entry["message"] for entry in refused)
