"""What the tests of lost machines share: photos on HDFS, and what an undisturbed run makes of them."""

from typing import NamedTuple

import pytest

from pipelines import storage
from tests.bundles import write_bundle
from tests.cluster.tables import Rows, by_id, rows
from tests.command import darkroom
from tests.photos import write_photos


class Undisturbed(NamedTuple):
    """A dataset of 450 photos, and the predictions of a bundle for them."""

    photos: str
    dataset: str
    images: Rows
    bundle: str
    predictions: Rows


@pytest.fixture(scope="session")
def undisturbed(hdfs: str, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    names = ("photos", "dataset", "bundle", "scored")
    photos, dataset, bundle, scored = (f"{hdfs}/undisturbed/{name}" for name in names)
    storage.upload(write_photos(tmp_path_factory.mktemp("photos"), 150), photos)
    darkroom("ingest", f"source={photos}", f"target={dataset}")
    write_bundle(folder := tmp_path_factory.mktemp("bundle") / "model")
    storage.upload(folder, bundle)
    darkroom("score", f"source={photos}", f"model={bundle}", f"target={scored}", "engine=torch")
    return Undisturbed(photos, dataset, by_id(rows(f"{dataset}/data")), bundle, by_id(rows(f"{scored}/predictions")))
