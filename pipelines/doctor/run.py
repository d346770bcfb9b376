"""Doctor: look at everything that jobs need, and say what to do about what is wrong."""

import logging
import time
from typing import Any

from pyspark.sql import SparkSession

from pipelines.doctor import checks
from pipelines.doctor.config import DoctorConfig
from pipelines.errors import DarkroomError


def doctor(spark: SparkSession, config: DoctorConfig) -> dict[str, Any]:
    """Run all checks and log a line for each.

    Raises:
        DarkroomError: some failed; the message has their remedies.
    """
    driver = checks.look_at_this_process(())
    executors = checks.look_at_executors(spark, config.read)
    asked_until = time.time()
    done = [checks.check_java(spark), checks.check_spark(spark), checks.check_horovod()]
    done += [checks.check_reading(uri) for uri in config.read]
    done += [checks.check_writing(uri) for uri in config.write]
    hosts = {executor["host"]: executor for executor in executors}
    for executor in hosts.values():
        done += checks.check_executor(executor, driver, asked_until, config.max_clock_skew_seconds)
    for check in done:
        logging.getLogger(__name__).info("%-6s %s: %s", "failed" if check.remedy else "ok", check.name, check.found)
    if failed := [check for check in done if check.remedy]:
        lines = "\n  ".join(f"{check.name} ({check.found}): {check.remedy}" for check in failed)
        raise DarkroomError(f"{len(failed)} of {len(done)} checks failed:\n  {lines}")
    return {"checks": len(done), "hosts": sorted(hosts), "packages": driver["packages"]}
