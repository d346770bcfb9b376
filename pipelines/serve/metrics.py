"""What Prometheus can ask for."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from pipelines.images.reject import Rejected

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counters of one process; several workers share theirs through files of prometheus_client."""

    def __init__(self, *, shared: bool) -> None:
        """Make the counters; `shared` if PROMETHEUS_MULTIPROC_DIR was set before this process started."""
        self._shared = shared
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "darkroom_http_requests", "Answered requests", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "darkroom_http_request_seconds",
            "From a request's start to its answer",
            ["path"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._images = Counter(
            "darkroom_images", "Images: predicted, or the reason of the reject", ["outcome"], registry=self._registry
        )
        self._batches = Histogram(
            "darkroom_batch_images", "Images in a forward pass", buckets=BATCHES, registry=self._registry
        )
        self._forward = Histogram(
            "darkroom_forward_seconds", "Time of a forward pass", buckets=SECONDS, registry=self._registry
        )
        self._queue = Gauge(
            "darkroom_queue_images", "Images in work", multiprocess_mode="livesum", registry=self._registry
        )
        self._model = Gauge(
            "darkroom_model_info",
            "1 for the model that answers",
            ["model_id", "engine", "precision"],
            multiprocess_mode="livemax",
            registry=self._registry,
        )

    def saw_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request; status 0 is a client that went away."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def saw_image(self, reject: Rejected | None) -> None:
        """Count an image."""
        self._images.labels(reject.reason if reject else "predicted").inc()

    def saw_batch(self, num_images: int, seconds: float) -> None:
        """Count a forward pass."""
        self._batches.observe(num_images)
        self._forward.observe(seconds)

    def set_queue(self, num_images: int) -> None:
        """Show how many images are in work."""
        self._queue.set(num_images)

    def set_model(self, model_id: str, engine: str, precision: str, *, answers: bool = True) -> None:
        """Show a model that answers, or that it does so no more."""
        self._model.labels(model_id, engine, precision).set(1 if answers else 0)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format, of all workers."""
        if not self._shared:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
