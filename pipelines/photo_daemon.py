"""The daemon of jobs whose tasks decode photos: workers are forked with what that takes, torch first of all."""

from pipelines.worker_daemon import main

if __name__ == "__main__":
    main("torch", "pipelines.score.predict")
