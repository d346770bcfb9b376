"""The daemon of jobs whose workers all run a network: they are forked with torch, and share its memory."""

from pipelines.worker_daemon import main

if __name__ == "__main__":
    main("torch")
