"""The page of `darkroom serve`, as a person uses it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.conftest import DESK, PHONE
from tests.bundles import COLOURS, write_bundle
from tests.photos import write_photos
from tests.serve.server import Server, serving


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("page") / "photos", 1)


@pytest.fixture(scope="module")
def server(photos: Path) -> Iterator[Server]:
    with serving(write_bundle(photos.parent / "model"), "engine=openvino") as server:
        yield server


@pytest.fixture
def page(browser: Chrome, server: Server) -> Iterator[Chrome]:
    """The page, freshly opened; afterwards nothing may have been blocked, missing or thrown."""
    browser.set_window_size(*DESK)
    browser.get(server.url)
    browser.get_log("browser")
    yield browser
    assert [entry for entry in browser.get_log("browser") if "status of 422" not in entry["message"]] == []


def wait_for(page: Chrome, selector: str) -> None:
    WebDriverWait(page, 30).until(lambda _: page.find_elements(By.CSS_SELECTOR, selector))


def shown_json(page: Chrome) -> dict[str, object]:
    document: dict[str, object] = json.loads(page.find_element(By.CSS_SELECTOR, "section pre").text)
    return document


def assert_bars_and_json_agree(page: Chrome) -> None:
    labels = [item.text for item in page.find_elements(By.CSS_SELECTOR, ".bars dt")]
    bars = [float(bar.get_attribute("value") or 0) for bar in page.find_elements(By.CSS_SELECTOR, ".bars progress")]
    top = shown_json(page)["top_k"]
    assert isinstance(top, list) and set(labels) == set(COLOURS)
    assert labels == [label["label_name"] for label in top]
    assert bars == pytest.approx([label["confidence"] for label in top], abs=1e-4)


def test_a_photo_that_is_chosen_gets_bars_and_the_json_of_the_api(page: Chrome, server: Server, photos: Path) -> None:
    photo = photos / "red" / "000.jpg"
    page.find_element(By.NAME, "image").send_keys(str(photo))
    wait_for(page, ".bars")
    assert_bars_and_json_agree(page)
    image = {"Content-Type": "image/jpeg"}
    answer = requests.post(f"{server.url}/invocations", data=photo.read_bytes(), headers=image, timeout=30).json()
    assert shown_json(page)["image_id"] == answer["image_id"]
    assert shown_json(page)["label_name"] == answer["label_name"]
    assert page.execute_script("return document.querySelector('.photo').naturalWidth") == 40


def test_a_photo_that_is_dropped_is_sent_at_once(page: Chrome) -> None:
    page.execute_async_script(
        """
        const done = arguments[0];
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 50;
        canvas.toBlob((blob) => {
          const carried = new DataTransfer();
          carried.items.add(new File([blob], "drawn.png", {type: "image/png"}));
          const drop = new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true});
          document.querySelector("h1").dispatchEvent(drop);
          done();
        });
        """
    )
    wait_for(page, ".bars")
    assert_bars_and_json_agree(page)


def test_a_sample_needs_one_click(page: Chrome) -> None:
    samples = page.find_elements(By.CSS_SELECTOR, ".samples button")
    assert len(samples) == 8
    samples[3].click()
    wait_for(page, ".bars")
    assert_bars_and_json_agree(page)


def test_a_file_that_is_no_photo_is_explained(page: Chrome, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("<script>alert(1)</script>")
    page.find_element(By.NAME, "image").send_keys(str(tmp_path / "notes.jpg"))
    wait_for(page, ".error")
    assert "not_an_image" in page.find_element(By.CSS_SELECTOR, ".error").text
    assert not page.find_elements(By.CSS_SELECTOR, ".bars")


def test_a_phone_shows_everything_without_scrolling_sideways(page: Chrome) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        page.refresh()
        page.find_elements(By.CSS_SELECTOR, ".samples button")[0].click()
        wait_for(page, ".bars")
        assert page.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
        for button in page.find_elements(By.CSS_SELECTOR, "button"):
            assert button.rect["height"] >= 44 and button.rect["width"] >= 44
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_works_without_scripts(page: Chrome, photos: Path) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.refresh()
        page.find_element(By.NAME, "image").send_keys(str(photos / "blue" / "000.jpg"))
        page.find_element(By.CSS_SELECTOR, "button.main").click()
        wait_for(page, ".bars")
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
