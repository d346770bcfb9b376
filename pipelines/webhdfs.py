"""HDFS for Python processes, over WebHDFS by the `hdfs` package, as a filesystem that fsspec and petastorm know."""

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hdfs
import requests
import tenacity
import urllib3
from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile
from hdfs.client import _Request
from hdfs.config import Config

from pipelines.errors import ConfigError

BLOCK_BYTES = 4 * 2**20  # what one request reads
TIMEOUT_SECONDS = 20.0
_list_page = _Request("GET").to_method("LISTSTATUS_BATCH")  # an operation that hdfs 2.7 has no name for

# The name node sends a client to data nodes that have just died, too: asked again, it may name another.
patiently = tenacity.retry(
    retry=tenacity.retry_if_exception_type((requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)),
    wait=tenacity.wait_random_exponential(multiplier=0.1, max=5),
    stop=tenacity.stop_after_delay(45),
    reraise=True,
)


class WebHdfs(AbstractFileSystem):  # type: ignore[misc]
    """Files of one HDFS. Paths are absolute, without scheme and authority."""

    protocol = "hdfs"

    def __init__(self, authority: str, **options: Any) -> None:
        """Find the name nodes' HTTP addresses of `authority`, the part of a URI between hdfs:// and the path."""
        super().__init__(**options)
        self.client = _client(authority)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.split("://", 1)[-1].partition("/")[2] if "://" in path else path

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return name, size, type and mtime; FileNotFoundError if there is nothing."""
        status = self.client.status(path, strict=False)
        if status is None:
            raise FileNotFoundError(path)
        return _info(path, status)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """List a folder."""
        return list(self.iterdir(path)) if detail else [info["name"] for info in self.iterdir(path)]

    def iterdir(self, path: str) -> Iterator[dict[str, Any]]:
        """List a folder, a page in memory at a time, of as many entries as the name node gives (dfs.ls.limit)."""
        last: dict[str, str] = {}
        while True:
            page = _list_page(self.client, path, **last).json()["DirectoryListing"]
            found = page["partialListing"]["FileStatuses"]["FileStatus"]
            yield from (_info(f"{path.rstrip('/')}/{status['pathSuffix']}", status) for status in found)
            if not page["remainingEntries"]:
                return
            last = {"startAfter": found[-1]["pathSuffix"]}

    def makedirs(self, path: str, exist_ok: bool = True) -> None:  # noqa: ARG002
        """Make a folder and those above it; one that is there is left as it is."""
        self.client.makedirs(path)

    def rm(self, path: str, recursive: bool = False, **_: Any) -> None:
        """Delete a file, or a folder with all that is in it."""
        self.client.delete(path, recursive=recursive)

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        """Rename in one step; a file at the new place is replaced."""
        self.client._rename(path1, destination=path2, renameoptions="OVERWRITE")

    @patiently
    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write a whole file."""
        self.client.write(path, data=value, overwrite=mode == "overwrite")

    @patiently
    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        """Write a file of this machine, a part at a time."""
        with open(lpath, "rb") as file:
            self.client.write(rpath, data=file, overwrite=True)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if mode == "rb":
            return _ReadFile(self, path, mode="rb", block_size=BLOCK_BYTES)
        if mode == "xb" and self.exists(path):
            raise FileExistsError(path)
        return self.client.write(path, overwrite=mode != "xb")


class _ReadFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file that is read by ranges."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        length = min(end, self.size) - start
        return self._fetch(start, length) if length > 0 else b""

    @patiently
    def _fetch(self, start: int, length: int) -> bytes:
        with self.fs.client.read(self.path, offset=start, length=length) as reader:
            content = bytes(reader.read())
        if len(content) != length:
            raise requests.ConnectionError(f"{self.path} broke off after {len(content)} of {length} bytes")
        return content


def _info(path: str, status: dict[str, Any]) -> dict[str, Any]:
    kind = "directory" if status["type"] == "DIRECTORY" else "file"
    return {"name": path, "size": status["length"], "type": kind, "mtime": status["modificationTime"] / 1000}


def _client(authority: str) -> hdfs.Client:
    """Make the client that ~/.hdfscli.cfg (or HDFSCLI_CONFIG) describes under the name of the authority.

    Without such an alias, the addresses are those of hdfs-site.xml in HADOOP_CONF_DIR; several name nodes are
    tried in turn. Kerberos is used where core-site.xml asks for it.

    Raises:
        ConfigError: neither says where the name node's HTTP address is.
    """
    settings = Config()
    if settings.has_section(f"{authority}.alias"):
        return settings.get_client(authority)
    hadoop = _hadoop_settings()
    urls = ";".join(_http_addresses(hadoop, authority))
    if not urls:
        raise ConfigError(
            f"hdfs://{authority}: no WebHDFS address; set HADOOP_CONF_DIR to a folder whose hdfs-site.xml has "
            f"dfs.namenode.http-address, or describe [{authority}.alias] in ~/.hdfscli.cfg"
        )
    if hadoop.get("hadoop.security.authentication") == "kerberos":
        from hdfs.ext.kerberos import KerberosClient

        return KerberosClient(urls, timeout=TIMEOUT_SECONDS)
    return hdfs.InsecureClient(urls, user=os.environ.get("HADOOP_USER_NAME"), timeout=TIMEOUT_SECONDS)


def _hadoop_settings() -> dict[str, str]:
    """Read core-site.xml and hdfs-site.xml of HADOOP_CONF_DIR, or what Spark sends to a YARN container."""
    settings: dict[str, str] = {}
    for folder in ("__spark_conf__/__hadoop_conf__", os.environ.get("HADOOP_CONF_DIR", "")):
        for file in (Path(folder) / "core-site.xml", Path(folder) / "hdfs-site.xml"):
            if folder and file.exists():
                for item in ET.parse(file).getroot().iter("property"):
                    settings[item.findtext("name", "").strip()] = item.findtext("value", "").strip()
    return settings


def _http_addresses(settings: dict[str, str], authority: str) -> list[str]:
    """Return http(s)://host:port of every name node of the authority."""
    secure = settings.get("dfs.http.policy") == "HTTPS_ONLY"
    key, scheme = ("dfs.namenode.https-address", "https") if secure else ("dfs.namenode.http-address", "http")
    name = authority or settings.get("fs.defaultFS", "").removeprefix("hdfs://").rstrip("/")
    nodes = [node.strip() for node in settings.get(f"dfs.ha.namenodes.{name}", "").split(",") if node.strip()]
    keys = [f"{key}.{name}.{node}" for node in nodes] or [key]
    return [f"{scheme}://{settings[item]}" for item in keys if item in settings]
