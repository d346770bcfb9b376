"""Check AWS's signature, version 4: sign the request again with the stored secret, and compare.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import datetime
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipelines.platform.errors import ApiError

MAX_SKEW = datetime.timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential="
    r"(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_NEVER_SIGNED = ("x-amzn-trace-id",)  # load balancers add it


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, which here signs just the headers that it is given."""

    def headers_to_sign(self, request: Any) -> Any:
        """Return all of them."""
        return request.headers


class Request(NamedTuple):
    """A request as it arrived; names of headers are lower case, `url` has the path and the query as they were sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def check_signature(
    request: Request, service: str, secret_of: Callable[[str], str | None], now: datetime.datetime
) -> str:
    """Return the access key that signed the request for `service`.

    Raises:
        ApiError: with AWS's codes: no signature, a damaged one, an unknown key, a clock that is wrong, a wrong one.
    """
    header = request.headers.get("authorization")
    if not header:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    found = _AUTHORIZATION.fullmatch(header.strip())
    timestamp = request.headers.get("x-amz-date", "")
    must = {"host", "x-amz-date", *(name for name in request.headers if name.startswith("x-amz"))} - {*_NEVER_SIGNED}
    if found is None or not must <= set(found["headers"].split(";")):
        raise ApiError(
            "IncompleteSignatureException",
            "Authorization must be AWS4-HMAC-SHA256 with Credential, SignedHeaders (host and all that begin "
            "with x-amz) and Signature",
        )
    _check_clock(timestamp, found["date"], now)
    secret = secret_of(found["key"])
    if secret is None:
        raise ApiError("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
    if found["service"] != service:
        raise ApiError(
            "InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.", 403
        )
    expected = _sign(request, found, timestamp, secret)
    if not hmac.compare_digest(expected, found["signature"]):
        raise ApiError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
            403,
        )
    return found["key"]


def _check_clock(timestamp: str, date: str, now: datetime.datetime) -> None:
    try:
        signed_at = datetime.datetime.strptime(timestamp, SIGV4_TIMESTAMP).replace(tzinfo=datetime.UTC)
    except ValueError as error:
        message = f"Date in Credential scope and X-Amz-Date must be times, got {timestamp!r}"
        raise ApiError("IncompleteSignatureException", message) from error
    if not timestamp.startswith(date):
        message = f"Date in Credential scope does not match YYYYMMDD from X-Amz-Date: {date} and {timestamp}"
        raise ApiError("InvalidSignatureException", message, 403)
    if abs(now - signed_at) > MAX_SKEW:
        what = "Signature expired" if signed_at < now else "Signature not yet current"
        limit = now.strftime(SIGV4_TIMESTAMP)
        raise ApiError(
            "InvalidSignatureException",
            f"{what}: {timestamp} is more than 5 min. away from {limit}; set the clock",
            403,
        )


def _sign(request: Request, found: re.Match[str], timestamp: str, secret: str) -> str:
    """Return the signature that the secret's owner would have given, made by botocore's own signer."""
    signer = _Signer(Credentials(found["key"], secret), found["service"], found["region"])
    headers = {name: request.headers.get(name, "") for name in found["headers"].split(";")}
    body_hash = hashlib.sha256(request.body).hexdigest()
    if headers.get("x-amz-content-sha256", body_hash) != body_hash:
        return ""  # also where the client left the body unsigned
    again = AWSRequest(method=request.method, url=request.url, headers=headers, data=request.body)
    again.context["timestamp"] = timestamp
    canonical: str = signer.canonical_request(again)
    signature: str = signer.signature(signer.string_to_sign(again, canonical), again)
    return signature
