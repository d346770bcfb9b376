"""What the peers score with: a network of the bundle's kind in eager torch, or the bundle's own graph."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

SIDE_PX, BATCH, NUM_CLASSES = 224, 16, 10
Predict = Callable[[Sequence[bytes]], np.ndarray]


def predictor(network: str, engine: str, bundle: str, precision: str) -> Predict:
    """Return a function from JPEGs to float32 probabilities (B, C)."""
    torch.set_num_threads(1)
    return _eager(network) if engine == "torch" else _openvino(bundle, precision)


def _eager(network: str) -> Predict:
    import torchvision
    from PIL import Image
    from torchvision.transforms import v2

    model = getattr(torchvision.models, network)(num_classes=NUM_CLASSES).eval()
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    scale = v2.ToDtype(torch.float32, scale=True)
    transform = v2.Compose([v2.PILToTensor(), v2.Resize(256), v2.CenterCrop(SIDE_PX), scale, v2.Normalize(mean, std)])

    def predict(contents: Sequence[bytes]) -> np.ndarray:
        images = [transform(Image.open(io.BytesIO(content)).convert("RGB")) for content in contents]
        with torch.inference_mode():
            return model(torch.stack(images)).softmax(1).numpy()

    return predict


def _openvino(bundle: str, precision: str) -> Predict:
    import openvino

    from benchmarks.pixels import center_crop

    hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
    threads = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    graph = Path(bundle) / "graph" / "model.xml"
    compiled = openvino.Core().compile_model(str(graph), "CPU", {"INFERENCE_PRECISION_HINT": hint, **threads})
    request = compiled.create_infer_request()

    def predict(contents: Sequence[bytes]) -> np.ndarray:
        images = np.stack([center_crop(content, SIDE_PX) for content in contents]).transpose(0, 3, 1, 2)
        return np.array(request.infer([np.ascontiguousarray(images)])[0])

    return predict
