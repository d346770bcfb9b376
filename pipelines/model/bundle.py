"""A trained model as a folder of plain files: weights, description, inference graph, check batch."""

import hashlib
import json
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load, save
from torch import nn

from pipelines import storage
from pipelines.errors import ConfigError, DataError
from pipelines.model.architectures import Network, build
from pipelines.model.archive import pack, unpack
from pipelines.model.code import Code, is_own
from pipelines.model.head import Fitted, Head
from pipelines.model.layer_output import LayerOutput
from pipelines.model.names import resolve
from pipelines.model.network import InferenceNetwork
from pipelines.model.preprocess import Preprocessing, from_bytes
from pipelines.quiet_imports import import_openvino

INFO, WEIGHTS, CHECK = "model.json", "weights.safetensors", "check.safetensors"
ARCHIVE = ".tar.gz"
GRAPH = ("graph/model.xml", "graph/model.bin")


class OwnCode(BaseModel):
    """Code that a model was made with: FILE.py:NAME or MODULE:NAME, and the SHA-256 of its files in code/PART/."""

    model_config = ConfigDict(frozen=True)

    entry: str
    files: dict[str, str]


class BundleInfo(BaseModel):
    """model.json: everything about a model but its weights. `classes[index]` names an output.

    `code["model"]` is what `architecture` names, if that is the user's own. `head` stands on one of its layers where
    the model was made by `fit` or, without a learner and without classes, by `features`.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model_id: str = ""
    architecture: str
    model_args: dict[str, Any] = {}
    code: dict[str, OwnCode] = {}
    head: Head | None = None
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    training: dict[str, Any]
    dataset_id: str
    metrics: dict[str, Any]
    code_version: str
    weights_sha256: str = ""

    @property
    def outputs(self) -> Literal["probabilities", "features"]:
        """Return what the network says of an image."""
        return "features" if self.head and not self.head.learner else "probabilities"


class Bundle:
    """A bundle that was read and found whole. `uri` is where it lies, also where it was asked for by a name."""

    def __init__(self, uri: str, info: BundleInfo, weights: bytes, read: Callable[[str], bytes]) -> None:
        """Keep what was read; `read(name)` gives the other files, the network is built when asked for."""
        self.uri, self.info, self._weights, self._read = uri, info, weights, read
        self._network: InferenceNetwork | None = None

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the network's tensors by name."""
        return load(self._weights)

    def network(self) -> InferenceNetwork:
        """Return the network in evaluation mode, built once."""
        if self._network is None:
            model = make(self.described(), self.info.head, len(self.info.classes))
            model.load_state_dict(self.weights())
            how = self.info.preprocessing
            self._network = InferenceNetwork(model, how.mean, how.std, self.info.outputs).eval()
        return self._network

    def described(self) -> Network:
        """Return which network it is, with the code that the bundle brings.

        Raises:
            DataError: the code is not what model.json describes.
        """
        own = self.info.code.get("model")
        if own is None:
            return Network(self.info.architecture, self.info.model_args)
        sources = []
        for path, expected in own.files.items():
            content = self._read(f"code/model/{path}")
            if hashlib.sha256(content).hexdigest() != expected:
                raise DataError(f"code/model/{path} of the bundle is not the file that {INFO} describes; copy it again")
            sources.append((path, content.decode()))
        return Network(self.info.architecture, self.info.model_args, Code(own.entry, tuple(sources)))

    def classify(self, content: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the probabilities float32 (C,) of one file's bytes; Rejected if it is no usable image."""
        with torch.inference_mode():
            probabilities = self.network()(from_bytes(content, self.info.preprocessing).unsqueeze(0))
        return np.asarray(probabilities[0].numpy())

    def classify_features(self, features: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the probabilities float32 (B, C) of rows of features (B, D), as `features` writes them.

        Raises:
            ConfigError: the model was not made by `fit`, or the rows are of another length.
        """
        head = self.info.head
        if head is None or not head.learner:
            raise ConfigError(f"model {self.info.model_id} takes images; only models made by fit take features")
        if features.ndim != 2 or features.shape[1] != head.num_features:
            raise ConfigError(f"got features of shape {features.shape}; this model takes (rows, {head.num_features})")
        learner = cast(Fitted, self.network().model).head
        with torch.inference_mode():
            logits = learner(torch.from_numpy(np.ascontiguousarray(features, np.float32)))
        return np.asarray(torch.softmax(logits, dim=1).numpy())

    def check_batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs uint8 (N, 3, S, S) and torch's float32 probabilities (N, C) for them."""
        tensors = load(self._read(CHECK))
        return tensors["images"], tensors["probabilities"]

    def graph(self) -> tuple[bytes, bytes]:
        """Return the OpenVINO graph: its XML and its weights."""
        xml, weights = map(self._read, GRAPH)
        return xml, weights

    def files(self) -> dict[str, bytes]:
        """Return all files by name.

        Raises:
            DataError: one of them is not there.
        """
        code = [f"code/{part}/{path}" for part, own in self.info.code.items() for path in own.files]
        try:
            return {name: self._read(name) for name in (INFO, WEIGHTS, CHECK, *GRAPH, *code)}
        except (FileNotFoundError, KeyError) as error:
            raise DataError(f"model={self.uri} lacks a file: {error}; copy the bundle again") from error


def make(network: Network, head: Head | None, num_classes: int) -> nn.Module:
    """Make a network with the head that stands on it, if there is one: images → logits or features."""
    if head is None:
        return build(network, num_classes)
    features = LayerOutput(build(network, head.num_outputs), head.layer, head.pooling)
    return Fitted(features, head.build()) if head.learner else features


def save_bundle(
    target: str,
    model: nn.Module,
    info: BundleInfo,
    check_images: torch.Tensor,
    codes: Mapping[str, Code] = MappingProxyType({}),
) -> BundleInfo:
    """Write TARGET/ and TARGET.tar.gz aside, then rename them; older ones are replaced as a whole.

    `check_images` are uint8 (N, 3, S, S), `codes` what the user's own parts were made of. Returns the description
    with its model_id.
    """
    sources = {f"code/{part}/{path}": text.encode() for part, code in codes.items() for path, text in code.sources}
    info = info.model_copy(update={"code": {part: own_code(code) for part, code in codes.items()}})
    how = info.preprocessing
    network = InferenceNetwork(model.cpu(), how.mean, how.std, info.outputs).eval()
    weights = save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
    info = info.model_copy(update={"weights_sha256": hashlib.sha256(weights).hexdigest()})
    info = info.model_copy(update={"model_id": hashlib.sha256(info.model_dump_json().encode()).hexdigest()[:32]})
    with torch.inference_mode():
        check = save({"images": check_images.contiguous(), "probabilities": network(check_images).contiguous()})
    description = json.dumps(info.model_dump(mode="json"), indent=2, ensure_ascii=False).encode() + b"\n"
    files = {INFO: description, WEIGHTS: weights, CHECK: check, **_export_graph(network, check_images), **sources}
    storage.write_bytes(f"{target}{ARCHIVE}", pack(files))
    write_folder(target, files)
    return info


def write_folder(target: str, files: Mapping[str, bytes]) -> None:
    """Write a bundle's files aside, then rename the folder; an older one is replaced as a whole."""
    aside = f"{target}.part"
    storage.remove(aside)
    for name, content in files.items():
        storage.write_bytes(storage.join(aside, name), content)
    storage.remove(target)
    storage.replace(aside, target)


def own_code(code: Code) -> OwnCode:
    """Return what model.json says of a code."""
    hashes = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in code.sources}
    return OwnCode(entry=code.entry, files=hashes)


def _export_graph(network: InferenceNetwork, example: torch.Tensor) -> dict[str, bytes]:
    """Trace the network into OpenVINO's intermediate representation, with a free batch size."""
    openvino = import_openvino()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mean and std are meant to be constants of the graph
        graph = openvino.convert_model(network, example_input=example, input=[-1, *example.shape[1:]])
    with tempfile.TemporaryDirectory() as folder:
        openvino.save_model(graph, Path(folder) / "model.xml", compress_to_fp16=False)
        return {name: (Path(folder) / Path(name).name).read_bytes() for name in GRAPH}


def load_bundle(uri: str, trust_code: bool = False, outputs: str = "probabilities") -> Bundle:
    """Read a bundle: its folder, its `.tar.gz`, or the one that a name such as `models/photos@production` means now.

    `trust_code` allows that code which it brings is run.

    Raises:
        ConfigError: there is no bundle, it brings code that is not trusted, or it has other outputs.
        DataError: its files do not fit together.
    """
    uri = resolve(uri)
    try:
        read = _reader(uri)
        info = BundleInfo.model_validate(json.loads(read(INFO)))
        weights = read(WEIGHTS)
    except (FileNotFoundError, NotADirectoryError, KeyError) as error:
        raise ConfigError(f"model={uri} is no model bundle: it lacks {INFO} or {WEIGHTS}") from error
    except (ValidationError, ValueError) as error:
        raise DataError(f"{INFO} of model={uri} is damaged: {error}") from error
    if hashlib.sha256(weights).hexdigest() != info.weights_sha256:
        raise DataError(f"{WEIGHTS} of model={uri} is not the file that {INFO} describes; copy the bundle again")
    if is_own(info.architecture) and not trust_code:
        files = ", ".join(f"code/model/{path}" for path in info.code["model"].files) if "model" in info.code else ""
        raise ConfigError(
            f"model={uri} runs code of its own, {info.architecture} ({files or 'of an installed package'}); "
            "if you know who wrote it, give trust_code=true"
        )
    if info.outputs != outputs:
        raise ConfigError(f"model={uri} gives {info.outputs}, not {outputs}; darkroom fit makes classes of features")
    return Bundle(uri, info, weights, read)


def _reader(uri: str) -> Callable[[str], bytes]:
    if uri.endswith(ARCHIVE):
        return unpack(storage.read_bytes(uri), uri).__getitem__
    return lambda name: storage.read_bytes(storage.join(uri, name))
