"""A model that is being replaced is closed only when nobody waits for it."""

import asyncio
from pathlib import Path

from pipelines.config import load
from pipelines.serve.config import ServeConfig
from pipelines.serve.endpoint import Endpoint
from pipelines.serve.metrics import Metrics
from tests.bundles import write_bundle


def test_a_model_has_a_user_from_the_first_step_of_a_request_to_its_last(tmp_path: Path) -> None:
    async def ask() -> list[int]:
        endpoint = Endpoint(
            load(ServeConfig, [f"model={write_bundle(tmp_path / 'model')}", "engine=torch"]), Metrics(shared=False)
        )
        await endpoint.run()
        ready = endpoint.ready()
        answer = asyncio.ensure_future(endpoint.classify(ready, [b"no photo"]))
        asyncio.get_running_loop().call_soon(lambda: counts.append(ready.batcher.num_users))
        counts: list[int] = []
        (result,) = await answer
        endpoint.close()
        assert result.reject
        return [*counts, ready.batcher.num_users]

    assert asyncio.run(ask()) == [1, 0]
