"""Torch's DistributedDataParallel over gloo: FOLDER NETWORK BATCH PROCESSES EPOCHS."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import torch
import torchvision
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler
from torchvision.datasets import ImageFolder

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.peers.training_input import Ours, read

NUM_CLASSES, MEAN, STD = 10, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def work(rank: int, folder: str, network: str, batch: int, size: int, epochs: int, port: int) -> None:
    """Train as one of `size` processes, on a core of its own; rank 0 prints the time of all epochs but the first."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    store = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=size)
    model = getattr(torchvision.models, network)(num_classes=NUM_CLASSES).to(memory_format=torch.channels_last)
    model = DistributedDataParallel(model, gradient_as_bucket_view=True)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0)
    dataset = ImageFolder(folder, loader=read, transform=Ours())
    sampler = DistributedSampler(dataset, size, rank)
    loader = DataLoader(dataset, batch, sampler=sampler, num_workers=1, persistent_workers=True)
    stamps, checkpoint = [], Path(tempfile.gettempdir()) / f"{os.getpid()}.pt"
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for images, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(normalise(images)), labels).backward()
            optimizer.step()
        if rank == 0:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)
        stamps.append(time.perf_counter())
    if rank == 0:
        checkpoint.unlink()
        print(json.dumps({"runs": [(len(dataset) * (epochs - 1), stamps[0], stamps[-1])]}), flush=True)
    distributed.destroy_process_group()


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Turn uint8 into float32, channels last."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def free_port() -> int:
    """Return a port that nothing listens on."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    folder, network, *numbers = sys.argv[1:]
    batch, size, epochs = map(int, numbers)
    multiprocessing.spawn(work, (folder, network, batch, size, epochs, free_port()), nprocs=size)
