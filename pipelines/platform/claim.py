"""Become the owner of a folder, then the command; `python -m pipelines.platform.claim FOLDER COMMAND …` does it."""

import os
import sys
from pathlib import Path

from pipelines.platform.process import claim

if __name__ == "__main__" and claim(Path(sys.argv[1])):
    os.execvp(sys.argv[2], sys.argv[2:])
