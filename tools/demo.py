"""The whole flow on one machine: ingest, train on two processes, evaluate, score.

Without an argument it takes scikit-learn's handwritten digits, written out as PNG files by class;
with a folder of label/photo.jpg it takes those, and starts from EfficientNet-Lite0's ImageNet weights.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
ARTIFACTS = HOME / "artifacts" / "demo"
DIGITS = {"image_size": 32, "epochs": 12, "augmentation": "none"}
PHOTOS = {
    "model": "tf_efficientnet_lite0",
    "weights": "imagenet",
    "image_size": 160,
    "epochs": 5,
    "learning_rate": 0.0005,
}


def main(argv: list[str]) -> int:
    """Run the four jobs and print where everything is."""
    started = time.monotonic()
    photos = Path(argv[0]).resolve() if argv else write_digits(ARTIFACTS / "digits" / "photos")
    work = ARTIFACTS / (photos.name if argv else "digits")
    dataset, model = work / "dataset", work / "model"
    ingest = darkroom("ingest", source=photos, target=dataset, max_reject_ratio=1 if argv else 0)
    settings = PHOTOS if argv else DIGITS
    darkroom("train", dataset=dataset, target=model, num_processes=2, **settings)
    evaluation = darkroom("evaluate", dataset=dataset, model=model, target=work / "evaluation")
    scored = darkroom("score", source=photos, model=model, target=work / "scored")
    for name, place in {
        "dataset": dataset,
        "rejects": ingest["rejects"],
        "model bundle": model,
        "predictions": scored["predictions"],
        "report": work / "evaluation" / "report.html",
    }.items():
        print(f"{name:14}{str(place).removeprefix('file://')}")
    print(f"{'accuracy':14}{evaluation['accuracy']:.4f} on {evaluation['num_images']} photos kept aside")
    print(f"{'run time':14}{time.monotonic() - started:.0f} s")
    return 0


def darkroom(verb: str, **settings: object) -> dict[str, object]:
    """Run one job as a user would and return the JSON object of its last line."""
    words = [f"{key}={value}" for key, value in settings.items()]
    print(f"\n$ darkroom {verb} {' '.join(words)}", flush=True)
    job = subprocess.run(
        [str(HOME / ".venv" / "bin" / "darkroom"), verb, *words],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(job.stdout, end="", flush=True)
    if job.returncode:
        raise SystemExit(job.returncode)
    summary: dict[str, object] = json.loads(job.stdout.splitlines()[-1])
    return summary


def write_digits(folder: Path) -> Path:
    """Write scikit-learn's 1,797 digits (UCI optdigits, 8 x 8 px, 16 greys) as CLASS/NUMBER.png."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        file = folder / str(label) / f"{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).astype(np.uint8)).save(file)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
