"""The model of a running stream: it follows its name from version to version, between batches."""

import logging

from pipelines.errors import StorageError
from pipelines.model.bundle import load_bundle
from pipelines.model.engines import EngineChoice, check_bundle, choose_engine
from pipelines.model.names import resolve
from pipelines.score.predict import ModelUse
from pipelines.stream.config import ScoreStreamConfig


class CurrentModel:
    """The bundle that the next batch is scored with; `refused` is one that cannot be used in its place, if any."""

    def __init__(self, config: ScoreStreamConfig) -> None:
        """Load and check the bundle that model= means now; its errors end the stream before it begins."""
        self._config = config
        self.refused = ""
        self.use, self.model_id, self.choice = self._open(resolve(config.model))

    def refresh(self) -> None:
        """Take the version that the name means by now; where that cannot be used, the old one goes on."""
        uri = self._config.model
        try:
            uri = resolve(uri)
            if uri not in (self.use.uri, self.refused):
                self.use, self.model_id, self.choice = self._open(uri)
                logging.getLogger(__name__).info("%s means %s from this batch on", self._config.model, self.model_id)
        except Exception as error:
            message = "%s is refused, %s goes on: %s"
            logging.getLogger(__name__).warning(message, uri, self.model_id, error)
            self.refused = "" if isinstance(error, StorageError) else uri  # what did not answer is asked again
        else:
            self.refused = "" if uri == self.use.uri else uri

    def _open(self, uri: str) -> tuple[ModelUse, str, EngineChoice]:
        config, bundle = self._config, load_bundle(uri, self._config.trust_code)
        check_bundle(bundle)
        choice = choose_engine(bundle, config.engine, config.num_threads)
        how = (config.top_k, config.batch_size, config.num_threads, config.trust_code)
        use = ModelUse(uri, choice.name, *how, choice.precision)
        return use, bundle.info.model_id, choice
