"""Where requests go: by the variants' weights, and to the least busy worker."""

from collections import Counter

import pytest

from pipelines.platform.routes import Routes, Variant, Worker

FIRST, SECOND, OTHER = Worker("first", 1), Worker("second", 2), Worker("other", 3)


@pytest.fixture
def routes() -> Routes:
    routes = Routes()
    variants = [Variant("large", 3.0, [FIRST, SECOND]), Variant("small", 1.0, [OTHER]), Variant("off", 0.0, [OTHER])]
    routes.point("shop", variants)
    return routes


def variant_of_a_request(routes: Routes, name: str = "") -> str:
    with routes.worker("shop", name, set()) as chosen:
        assert chosen
        return chosen[0].name


def test_variants_get_requests_by_their_weights(routes: Routes) -> None:
    counts = Counter(variant_of_a_request(routes) for _ in range(4000))
    assert set(counts) == {"large", "small"}
    assert counts["large"] == pytest.approx(3000, abs=200)  # seven deviations


def test_a_variant_of_weight_0_answers_who_asks_for_it(routes: Routes) -> None:
    assert variant_of_a_request(routes, "off") == "off"


def test_the_least_busy_worker_is_chosen(routes: Routes) -> None:
    with routes.worker("shop", "large", set()) as one, routes.worker("shop", "large", set()) as another:
        assert one and another
        assert {one[1], another[1]} == {FIRST, SECOND}


def test_a_request_that_failed_goes_to_another_worker(routes: Routes) -> None:
    with routes.worker("shop", "large", {FIRST}) as chosen:
        assert chosen and chosen[1] == SECOND
    with routes.worker("shop", "large", {FIRST, SECOND}) as chosen:
        assert chosen is None
