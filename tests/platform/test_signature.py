"""Signatures that botocore makes are taken; anything else gets AWS's own error codes."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipelines.platform.errors import ApiError
from pipelines.platform.signature import Request, check_signature

SECRETS = {"AKIAKNOWN": "secret"}
URL = "http://127.0.0.1:8080/endpoints/a-b%20c/invocations?x=2&a=1"


def signed(key: str = "AKIAKNOWN", secret: str = "secret", service: str = "sagemaker", **headers: str) -> Request:
    made = AWSRequest("POST", URL, {"Host": "127.0.0.1:8080", "X-Amz-Target": "SageMaker.ListModels", **headers}, b"{}")
    SigV4Auth(Credentials(key, secret), service, "eu-west-1").add_auth(made)
    return Request("POST", URL, {name.lower(): value for name, value in made.headers.items()}, b"{}")


def code_of(request: Request, minutes_later: float = 0) -> str:
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes_later)
    try:
        return check_signature(request, "sagemaker", SECRETS.get, now)
    except ApiError as error:
        return error.code


def changed(request: Request, **headers: Any) -> Request:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return request._replace(headers={**request.headers, **names})


def test_a_signature_of_botocore_names_its_key() -> None:
    assert code_of(signed()) == "AKIAKNOWN"


def test_a_header_that_load_balancers_add_need_not_be_signed() -> None:
    assert code_of(changed(signed(), x_amzn_trace_id="Root=1")) == "AKIAKNOWN"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (lambda: signed(secret="wrong"), "InvalidSignatureException"),
        (lambda: signed(key="AKIAUNKNOWN"), "UnrecognizedClientException"),
        (lambda: signed(service="s3"), "InvalidSignatureException"),
        (lambda: signed()._replace(body=b'{"a": 1}'), "InvalidSignatureException"),
        (lambda: signed()._replace(url=URL + "&b=3"), "InvalidSignatureException"),
        (lambda: changed(signed(), x_amz_target="SageMaker.DeleteModel"), "InvalidSignatureException"),
        (lambda: changed(signed(), x_amz_security_token="added later"), "IncompleteSignatureException"),
        (lambda: changed(signed(), authorization="Bearer x"), "IncompleteSignatureException"),
        (lambda: changed(signed(), authorization=""), "MissingAuthenticationTokenException"),
        (lambda: changed(signed(), x_amz_date="yesterday"), "IncompleteSignatureException"),
    ],
)
def test_what_is_not_signed_right_gets_the_code_of_aws(request_: Callable[[], Request], code: str) -> None:
    assert code_of(request_()) == code


def test_a_body_that_was_left_unsigned_is_refused() -> None:
    unsigned = signed(**{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert code_of(unsigned) == "InvalidSignatureException"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_wrong_by_more_than_five_minutes_is_refused(minutes: float) -> None:
    assert code_of(signed(), minutes) == "InvalidSignatureException"
    assert code_of(signed(), minutes / 2) == "AKIAKNOWN"
