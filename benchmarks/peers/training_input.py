"""Training input of other loaders: LOADER theirs|ours FOLDER TARGET; batches of uint8 views of 224 px."""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.pixels import random_crop

SIDE_PX, BATCH, WORKERS, TARS, CHUNK_BYTES = 224, 32, (2, 3), 6, 64_000_000


class Theirs:
    """Decode with Pillow, crop with torchvision: squares of 0.6 to all of the short side, as far as areas say it."""

    def __init__(self) -> None:
        """Compose the transforms as torchvision's guide to performance has them: on uint8 tensors."""
        crop = v2.RandomResizedCrop(SIDE_PX, scale=(0.27, 0.75), ratio=(1, 1), antialias=True)
        self.transform = v2.Compose([v2.PILToTensor(), crop, v2.RandomHorizontalFlip()])

    def __call__(self, content: bytes) -> torch.Tensor:
        """Return uint8 (3, S, S)."""
        return self.transform(Image.open(io.BytesIO(content)).convert("RGB"))


class Ours:
    """Our decoder and crop."""

    def __init__(self) -> None:
        """Leave it to each worker to make its generator."""
        self._random: np.random.Generator | None = None

    def __call__(self, content: bytes) -> torch.Tensor:
        """Return uint8 (3, S, S)."""
        self._random = self._random or np.random.default_rng()
        view = random_crop(content, SIDE_PX, self._random)
        return torch.from_numpy(np.ascontiguousarray(view)).permute(2, 0, 1)


def photos(folder: Path) -> list[tuple[Path, int]]:
    """Return all files with their labels, in an order that mixes the classes."""
    names = sorted(place.name for place in folder.iterdir())
    files = [(file, label) for label, name in enumerate(names) for file in sorted((folder / name).iterdir())]
    return [files[index] for index in np.random.default_rng(0).permutation(len(files))]


def read(path: str) -> bytes:
    """Read a file."""
    return Path(path).read_bytes()


def image_folder(folder: Path, _: Path, view: Callable[[bytes], torch.Tensor], workers: int) -> Any:
    """torch.utils.data.DataLoader over ImageFolder."""
    ours = {"loader": read, "transform": view} if isinstance(view, Ours) else {"transform": view.transform}
    dataset = ImageFolder(str(folder), **ours)
    return torch.utils.data.DataLoader(dataset, BATCH, shuffle=True, num_workers=workers, persistent_workers=True)


def webdataset(folder: Path, target: Path, view: Callable[[bytes], torch.Tensor], workers: int) -> Any:
    """webdataset: six tar files, as many for each of two or three workers."""
    import webdataset as wds

    if not target.exists():
        target.mkdir(parents=True)
        found = photos(folder)
        with wds.ShardWriter(str(target / "%06d.tar"), maxcount=-(-len(found) // TARS)) as tar:
            for number, (file, label) in enumerate(found):
                tar.write({"__key__": f"{number:08d}", "jpg": file.read_bytes(), "cls": label})
    tars = sorted(map(str, target.glob("*.tar")))
    samples = wds.WebDataset(tars, shardshuffle=len(tars), workersplitter=wds.split_by_worker).shuffle(1000)
    batches = samples.to_tuple("jpg", "cls").map_tuple(view, int).batched(BATCH)
    return wds.WebLoader(batches, batch_size=None, num_workers=workers, persistent_workers=True)


def mosaicml_streaming(folder: Path, target: Path, view: Callable[[bytes], torch.Tensor], workers: int) -> Any:
    """mosaicml-streaming: MDS files."""
    from streaming import MDSWriter, StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    class Views(StreamingDataset):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            row = super().__getitem__(index)
            return view(row["image"]), row["label"]

    if not (target / "index.json").exists():
        columns = {"image": "bytes", "label": "int"}
        with MDSWriter(out=str(target), columns=columns, size_limit=CHUNK_BYTES) as writer:
            for file, label in photos(folder):
                writer.write({"image": file.read_bytes(), "label": label})
    clean_stale_shared_memory()
    dataset = Views(local=str(target), shuffle=True, batch_size=BATCH)
    return torch.utils.data.DataLoader(dataset, BATCH, num_workers=workers, persistent_workers=True)


class OfRow:
    """A row's view and label."""

    def __init__(self, view: Callable[[bytes], torch.Tensor]) -> None:
        """Keep how to see it."""
        self.view = view

    def __call__(self, row: dict[str, Any]) -> tuple[torch.Tensor, int]:
        """Return uint8 (3, S, S) and the label."""
        return self.view(row["image"]), row["label"]


def row_of(photo: tuple[Path, int]) -> dict[str, Any]:
    """Return what litdata writes of a photo."""
    return {"image": photo[0].read_bytes(), "label": photo[1]}


def litdata(folder: Path, target: Path, view: Callable[[bytes], torch.Tensor], workers: int) -> Any:
    """litdata: chunks."""
    from litdata import StreamingDataLoader, StreamingDataset, optimize

    if not (target / "index.json").exists():
        chunks = {"chunk_bytes": CHUNK_BYTES, "num_workers": 1}
        optimize(fn=row_of, inputs=photos(folder), output_dir=str(target), **chunks)
    dataset = StreamingDataset(str(target), shuffle=True, transform=OfRow(view))
    return StreamingDataLoader(dataset, batch_size=BATCH, num_workers=workers, persistent_workers=True)


LOADERS = {
    "dataloader": image_folder,
    "webdataset": webdataset,
    "mosaicml-streaming": mosaicml_streaming,
    "litdata": litdata,
}


def rate(loader: Any, num_images: int) -> float:
    """Return images a second of the second epoch."""
    for _ in range(2):
        started = time.perf_counter()
        seen = sum(len(batch[0]) for batch in loader)
    if seen < 0.98 * num_images:
        raise SystemExit(f"the loader gave {seen} of {num_images} images")
    return seen / (time.perf_counter() - started)


def main() -> None:
    """Measure one loader with each number of workers."""
    name, decoder, folder, target = sys.argv[1:]
    torch.set_num_threads(1)
    place = Path(target) / name / Path(folder).name
    num_images = len(photos(Path(folder)))
    view = Ours() if decoder == "ours" else Theirs()
    rates = {workers: rate(LOADERS[name](Path(folder), place, view, workers), num_images) for workers in WORKERS}
    best = max(rates, key=rates.__getitem__)
    print(json.dumps({"images_per_second": rates[best], "workers": best}))


if __name__ == "__main__":
    main()
