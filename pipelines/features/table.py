"""The table of features on disk: TARGET/data, and what TARGET/features.json says of it."""

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines import storage
from pipelines.errors import DataError


class FeatureManifest(BaseModel):
    """TARGET/features.json. `extractor` is the bundle that gave the features, by default TARGET/model.

    `counts` is empty where the source was not a dataset: such rows have no labels and no split.
    """

    model_config = ConfigDict(frozen=True)

    dataset_id: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    num_features: int
    layer: str
    source: str
    model_id: str
    engine: str
    precision: str
    code_version: str
    extractor: str = ""

    def rows(self, split: str) -> int:
        """Return the number of rows of a split."""
        return sum(self.counts.get(split, {}).values())


def feature_manifest_uri(table: str) -> str:
    """Return where a table's manifest lies."""
    return storage.join(table, "features.json")


def load_feature_manifest(table: str) -> FeatureManifest:
    """Read a table's manifest.

    Raises:
        DataError: there is none, or it is not one that this version reads.
    """
    try:
        manifest = FeatureManifest.model_validate(storage.read_json(feature_manifest_uri(table)))
    except FileNotFoundError as error:
        raise DataError(
            f"{table} is no table of features: it has no features.json; make one with darkroom features"
        ) from error
    except (ValidationError, ValueError) as error:
        raise DataError(f"{feature_manifest_uri(table)} is damaged: {error}") from error
    extractor = manifest.extractor or storage.join(table, "model")
    return manifest.model_copy(update={"extractor": extractor})
