"""Promote and roll back: which bundle a name such as `models/photos@production` means."""

from datetime import UTC, datetime
from typing import Any

from pipelines import storage
from pipelines.errors import ConfigError, DataError
from pipelines.lock import locked
from pipelines.model.bundle import load_bundle, write_folder
from pipelines.model.engines import check_bundle
from pipelines.model.names import Named, Version, bundle_uri, read_name, versions_uri
from pipelines.release.config import PromoteConfig, RollbackConfig


def promote(config: PromoteConfig) -> dict[str, Any]:
    """Copy a bundle to the name's versions, then let the name mean it; a bundle that fails its check is refused."""
    bundle = load_bundle(config.model, config.trust_code)
    check_bundle(bundle)
    versions, model_id = versions_uri(config.name), bundle.info.model_id
    with locked(versions):
        named = read_name(config.name)
        if named and named.current.model_id == model_id:
            return _summary(config.name, named)
        if not _is_whole(target := storage.join(versions, model_id), config.trust_code):
            write_folder(target, bundle.files())
        place = f"{versions.rsplit('/', 1)[-1]}/{model_id}"
        current = Version(model_id=model_id, bundle=place, promoted_at=datetime.now(UTC).isoformat(timespec="seconds"))
        return _write(config.name, Named(current=current, previous=(named.current, *named.previous) if named else ()))


def rollback(config: RollbackConfig) -> dict[str, Any]:
    """Let a name mean its previous version again, once that has passed its check.

    Raises:
        ConfigError: there is no such name, or no version before the current one.
    """
    with locked(versions_uri(config.name)):
        if (named := read_name(config.name)) is None:
            raise ConfigError(f"name={config.name} does not exist; make it with darkroom promote")
        if not named.previous:
            raise ConfigError(f"name={config.name} has no version before {named.current.model_id}")
        earlier = named.previous[0]
        check_bundle(load_bundle(bundle_uri(config.name, earlier), config.trust_code))
        return _write(config.name, Named(current=earlier, previous=named.previous[1:]))


def _is_whole(uri: str, trust_code: bool) -> bool:
    """Say whether a bundle is there with all its files; on S3 a killed run may have left some of them."""
    try:
        return bool(load_bundle(uri, trust_code).files())
    except (ConfigError, DataError):
        return False


def _write(name: str, named: Named) -> dict[str, Any]:
    storage.write_json(name, named.model_dump())
    return _summary(name, named)


def _summary(name: str, named: Named) -> dict[str, Any]:
    return {
        "name": name,
        "model_id": named.current.model_id,
        "model": bundle_uri(name, named.current),
        "previous": [version.model_id for version in named.previous],
    }
