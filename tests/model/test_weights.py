"""Where a training starts from: names, shapes and a new last layer."""

from pathlib import Path

import pytest
import torch

from pipelines.errors import ConfigError
from pipelines.model.architectures import build
from pipelines.model.weights import freeze_all_but, head_of, read_weights, start_from
from tests.bundles import ARCHITECTURE, COLOURS, write_bundle


class Code:
    """Something that must not be unpickled."""


@pytest.mark.parametrize(
    ("architecture", "head"),
    [("resnet18", "fc"), ("mobilenet_v3_small", "classifier.3"), ("tf_efficientnet_lite0", "classifier")],
)
def test_the_head_is_what_depends_on_the_number_of_classes(architecture: str, head: str) -> None:
    assert head_of(architecture) == {f"{head}.weight", f"{head}.bias"}


def test_other_classes_keep_the_backbone_and_get_a_new_last_layer(tmp_path: Path) -> None:
    pretrained = read_weights(write_bundle(tmp_path / "model"), ARCHITECTURE)
    model = build(ARCHITECTURE, 5)
    start_from(model, ARCHITECTURE, pretrained, tuple("abcde"))
    assert torch.equal(model.state_dict()["features.0.weight"], pretrained.tensors["features.0.weight"])
    assert len(model.state_dict()["classifier.1.weight"]) == 5


def test_the_same_classes_keep_the_last_layer(tmp_path: Path) -> None:
    pretrained = read_weights(f"{write_bundle(tmp_path / 'model')}.tar.gz", ARCHITECTURE)
    model = build(ARCHITECTURE, 3)
    start_from(model, ARCHITECTURE, pretrained, COLOURS)
    assert torch.equal(model.state_dict()["classifier.1.weight"], pretrained.tensors["classifier.1.weight"])


def test_a_bundle_brings_its_preprocessing(tmp_path: Path) -> None:
    assert read_weights(write_bundle(tmp_path / "model"), ARCHITECTURE).std == (0.25,) * 3


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state}])
def test_a_pth_file_of_tensors_is_read(tmp_path: Path, wrap: object) -> None:
    state = build("resnet18", 3).state_dict()
    torch.save(wrap(state), tmp_path / "w.pth")  # type: ignore[operator]
    assert set(read_weights(str(tmp_path / "w.pth"), "resnet18").tensors) == set(state)


def test_a_pth_file_with_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Code()}, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="safe to read"):
        read_weights(str(tmp_path / "w.pth"), "resnet18")


def test_weights_of_another_network_are_refused_by_layer(tmp_path: Path) -> None:
    torch.save(build("resnet34", 3).state_dict(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"not of model=resnet18: 0 layers missing .* unknown \['layer1.2"):
        start_from(build("resnet18", 3), "resnet18", read_weights(str(tmp_path / "w.pth"), "resnet18"), COLOURS)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"weights=/no/such.pth does not exist"):
        read_weights("/no/such.pth", "resnet18")


def test_imagenet_weights_fit_efficientnet_lite0_and_bring_their_pixels() -> None:
    pretrained = read_weights("imagenet", "tf_efficientnet_lite0")
    build("tf_efficientnet_lite0", 1000).load_state_dict(pretrained.tensors)
    assert (pretrained.mean, pretrained.interpolation) == ((127 / 255,) * 3, "bicubic")


def test_imagenet_weights_are_refused_for_another_network() -> None:
    with pytest.raises(ConfigError, match="model=tf_efficientnet_lite0, not of model=resnet18"):
        read_weights("imagenet", "resnet18")


def test_freezing_leaves_the_head_alone_to_train() -> None:
    model = build("resnet18", 3)
    freeze_all_but(model, head_of("resnet18"))
    assert [name for name, item in model.named_parameters() if item.requires_grad] == ["fc.weight", "fc.bias"]
