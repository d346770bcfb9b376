"""Java servers from Maven Central, fetched once."""

import shutil
import subprocess
from pathlib import Path

from tools.cluster.process import CACHE

HERE = Path(__file__).parent
# Two bindings of one logger on a class path stop Hadoop; libraries of other systems are dead weight.
UNWANTED = ("log4j-1.2*", "slf4j-log4j12*", "*osx*", "*macos*", "*-tests.jar")


def fetch(name: str) -> Path:
    """Return the folder with the jars that NAME.pom.xml lists, from the cache or from Maven."""
    folder = CACHE / "jars" / name
    if folder.exists():
        return folder
    if shutil.which("mvn") is None:
        raise SystemExit("Maven is needed to fetch the servers' jars; install it (apt-get install maven)")
    aside = folder.with_suffix(".part")
    shutil.rmtree(aside, ignore_errors=True)
    pom = HERE / f"{name}.pom.xml"
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={aside}", "-DincludeScope=runtime"]
    subprocess.run(["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--file", str(pom), *goal], check=True)
    for tests in aside.glob("hadoop-hdfs-*-tests.jar"):  # the only jar with HDFS's web pages
        shutil.unpack_archive(tests, aside / "unpacked", "zip")
        (aside / "unpacked" / "webapps").rename(aside / "webapps")
        shutil.rmtree(aside / "unpacked")
    for pattern in UNWANTED:
        for jar in aside.glob(pattern):
            jar.unlink()
    aside.rename(folder)
    return folder


def java(jars: Path, *, heap_mb: int, before: str = "") -> list[str]:
    """Return the start of a command line: java with these jars, `before` them on the class path.

    Servers that live for minutes do without Java's second compiler.
    """
    class_path = ":".join(part for part in (before, str(jars), f"{jars}/*") if part)
    options = [f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]
    return ["java", *options, "--add-opens", "java.base/java.lang=ALL-UNNAMED", "-cp", class_path]
