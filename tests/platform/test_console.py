"""The console's pages, over HTTP; how they look in a real browser is tested in tests/browser."""

from pathlib import Path
from typing import Any

import pytest
import requests

from pipelines.platform.console.curves import plots
from tests.platform.running import Platform


@pytest.fixture
def signed_in(platform: Platform) -> requests.Session:
    session = requests.Session()
    form = {"key": platform.key["access_key_id"], "secret": platform.key["secret_access_key"]}
    assert session.post(f"{platform.url}/console/sign-in", data=form, timeout=30).status_code == 200
    return session


def test_without_a_key_there_is_a_form_to_sign_in_and_nothing_else(platform: Platform) -> None:
    for page in ("training", "tuning", "endpoints", "new", "training/x"):
        answer = requests.get(f"{platform.url}/console/{page}", timeout=30)
        assert answer.status_code == 401 and "Sign in" in answer.text
    wrong = {"key": platform.key["access_key_id"], "secret": "guess"}
    assert requests.post(f"{platform.url}/console/sign-in", data=wrong, timeout=30).status_code == 401
    unknown = {"key": "AKIAX", "secret": ""}
    assert requests.post(f"{platform.url}/console/sign-in", data=unknown, timeout=30).status_code == 401


def test_a_made_up_cookie_is_none(platform: Platform) -> None:
    answer = requests.get(f"{platform.url}/console/training", cookies={"darkroom": "x"}, timeout=30)
    assert answer.status_code == 401


@pytest.mark.parametrize("page", ["training", "tuning", "endpoints", "new"])
def test_the_pages_open(signed_in: requests.Session, platform: Platform, page: str) -> None:
    answer = signed_in.get(f"{platform.url}/console/{page}", timeout=30)
    assert answer.status_code == 200
    assert (
        "script-src" in answer.headers["Content-Security-Policy"]
        or "default-src 'self'" in answer.headers["Content-Security-Policy"]
    )


@pytest.mark.parametrize("page", ["training/none", "tuning/none", "endpoints/none", "coffee"])
def test_what_is_not_there_is_a_page_too(signed_in: requests.Session, platform: Platform, page: str) -> None:
    assert signed_in.get(f"{platform.url}/console/{page}", timeout=30).status_code == 404


def test_a_form_with_a_mistake_comes_back_with_what_was_typed(
    signed_in: requests.Session, platform: Platform, tmp_path: Path
) -> None:
    form: dict[str, Any] = {
        "name": "from-form",
        "train": f"file://{tmp_path}",
        "output": "file:///o",
        "num_classes": "<b>",
    }
    answer = signed_in.post(f"{platform.url}/console/new", data=form, timeout=30)
    assert answer.status_code == 422
    assert "hyperparameter num_classes=&#39;&lt;b&gt;&#39;" in answer.text
    assert f'value="file://{tmp_path}"' in answer.text


def test_a_form_from_another_site_is_refused(signed_in: requests.Session, platform: Platform) -> None:
    answer = signed_in.post(
        f"{platform.url}/console/new", data={"name": "x"}, headers={"Sec-Fetch-Site": "cross-site"}, timeout=30
    )
    assert answer.status_code == 403


def test_a_form_that_is_too_large_is_refused_unread(signed_in: requests.Session, platform: Platform) -> None:
    answer = signed_in.post(f"{platform.url}/console/endpoints/x", data=b"x" * 7 * 2**20, timeout=30)
    assert answer.status_code == 413


def test_a_curve_goes_from_left_to_right_and_better_is_higher() -> None:
    metrics = [{"loss": 2.0, "accuracy": 0.0}, {"loss": 1.0, "accuracy": 1.0, "val_accuracy": 0.5}]
    loss, accuracy = plots(metrics)
    assert (loss.title, loss.low, loss.high) == ("Loss", 0.0, 2.0)
    assert loss.lines[0].points == "8.0,8.0 312.0,80.0"
    assert [(line.name, line.last) for line in accuracy.lines] == [("training", 1.0), ("validation", 0.5)]
    assert accuracy.lines[0].points == "8.0,152.0 312.0,8.0"
