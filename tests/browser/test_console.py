"""The platform's console, as a person uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.conftest import DESK, PHONE
from tests.bundles import write_bundle
from tests.photos import write_photos
from tests.platform.running import ROLE, Platform


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("console") / "photos", 20)


@pytest.fixture(scope="module")
def platform(photos: Path) -> Iterator[Platform]:
    running = Platform(photos.parent / "home")
    yield running
    running.end_everything()


@pytest.fixture(scope="module")
def console(browser: Chrome, platform: Platform) -> Chrome:
    """The console after signing in."""
    browser.set_window_size(*DESK)
    browser.get(platform.url)
    for name in ("key", "secret"):
        value = platform.key["access_key_id" if name == "key" else "secret_access_key"]
        browser.find_element(By.NAME, name).send_keys(value)
    browser.find_element(By.CSS_SELECTOR, "button.main").click()
    wait_for(browser, "Training jobs")
    browser.get_log("browser")
    return browser


def wait_for(page: Chrome, text: str, selector: str = "main", seconds: float = 30) -> None:
    WebDriverWait(page, seconds, ignored_exceptions=(Exception,)).until(
        lambda _: any(text in found.text for found in page.find_elements(By.CSS_SELECTOR, selector))
    )


def fits(page: Chrome) -> bool:
    return bool(page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_job_started_with_the_form_shows_its_curves_and_its_log(
    console: Chrome, platform: Platform, photos: Path
) -> None:
    console.get(f"{platform.url}/console/new")
    typed = {
        "name": "from-the-form",
        "train": f"file://{photos}",
        "output": f"file://{photos.parent}/output",
        "num_classes": "3",
        "num_layers": "20",
        "image_shape": "3,28,28",
        "epochs": "2",
    }
    for name, value in typed.items():
        field = console.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)
    console.find_element(By.CSS_SELECTOR, "button.main").click()
    wait_for(console, "InProgress", "#status")
    wait_for(console, "Completed", "#status", seconds=300)
    assert len(console.find_elements(By.CSS_SELECTOR, "svg polyline")) == 4
    assert "epoch 2 of 2" in console.find_element(By.ID, "log").text
    console.get(f"{platform.url}/console/training")
    assert console.find_element(By.LINK_TEXT, "from-the-form")


def test_an_endpoint_is_tried_with_a_photo_on_a_phone_too(console: Chrome, platform: Platform, photos: Path) -> None:
    sagemaker = platform.client("sagemaker")
    uri = write_bundle(photos.parent / "bundle")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelDataUrl": uri})
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="try-me", EndpointConfigName="c")
    console.get(f"{platform.url}/console/endpoints/try-me")
    wait_for(console, "InService", "#status", seconds=120)
    console.find_element(By.NAME, "image").send_keys(str(photos / "red" / "000.jpg"))
    wait_for(console, "%", ".bars")
    names = [item.text for item in console.find_elements(By.CSS_SELECTOR, ".bars dt")]
    assert sorted(names) == ["blue", "green", "red"]
    console.set_window_size(*PHONE)
    assert fits(console)
    for page in ("training", "training/from-the-form", "new", "endpoints"):
        console.get(f"{platform.url}/console/{page}")
        assert fits(console), page
    assert console.get_log("browser") == []
