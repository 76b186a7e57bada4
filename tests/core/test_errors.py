"""Every code of the wire contract, and the one object in which failures are told."""

from collections.abc import Callable

import pytest

from app.core.errors import (
    CODES,
    AppError,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    error_object,
)

CONTRACT = {
    400: "invalid_json invalid_payload unknown_event cursor_invalid",
    401: "unauthenticated auth_failed token_expired session_revoked",
    403: "forbidden muted banned channel_read_only registration_closed origin_not_allowed",
    404: "not_found",
    409: "already_exists conflict idempotency_key_reused channel_archived",
    410: "invite_expired",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_failed message_empty message_too_long password_too_weak",
    429: "rate_limited slow_mode too_many_connections",
    500: "internal_error",
    503: "unavailable draining",
}


@pytest.mark.parametrize(
    ("status", "code"), [(status, code) for status, row in CONTRACT.items() for code in row.split()]
)
def test_every_code_of_the_contract_has_its_status(status: int, code: str) -> None:
    assert CODES[code].status == status
    assert error_object(AppError(code), "req_1")["status"] == status


def test_only_one_code_is_ours_alone() -> None:
    assert set(CODES) - {code for row in CONTRACT.values() for code in row.split()} == {"method_not_allowed"}


def test_what_may_succeed_later_is_retryable() -> None:
    wait = {code for code, row in CODES.items() if row.status in (429, 500, 503)} | {"token_expired"}
    assert {code for code, row in CODES.items() if row.retryable} == wait


def test_every_code_says_something_to_people() -> None:
    assert [code for code, row in CODES.items() if not row.message.endswith(".")] == []


def test_the_error_object_is_that_of_the_contract() -> None:
    error = AppError(
        "slow_mode",
        "Wait 12 s",
        retry_after_ms=12_000,
        fields=[FieldError("text", "too_long", max=4000), FieldError("name", "too_short", min=1)],
        reason="secret",
    )
    assert error_object(error, "req_1") == {
        "code": "slow_mode",
        "message": "Wait 12 s",
        "status": 429,
        "retryable": True,
        "retry_after_ms": 12_000,
        "fields": [
            {"path": "text", "code": "too_long", "max": 4000},
            {"path": "name", "code": "too_short", "min": 1},
        ],
        "request_id": "req_1",
    }


def test_what_means_nothing_is_left_out() -> None:
    assert error_object(AppError("not_found"), "req_1") == {
        "code": "not_found",
        "message": CODES["not_found"].message,
        "status": 404,
        "retryable": False,
        "request_id": "req_1",
    }


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: NotFound("chn_1"), "not_found"),
        (lambda: Unauthenticated("expired"), "auth_failed"),
        (lambda: Unauthenticated("session ended", code="session_revoked"), "session_revoked"),
        (lambda: Forbidden("users:write"), "forbidden"),
        (lambda: Unavailable("the pool is empty"), "unavailable"),
        (lambda: RateLimited("login", 500), "rate_limited"),
    ],
)
def test_the_reason_is_for_the_log_and_never_for_the_caller(make: Callable[[], AppError], code: str) -> None:
    error = make()
    assert error.reason is not None
    assert str(error) == f"{code}: {error.reason}"
    assert error.reason not in str(error_object(error, "req_1"))


def test_an_error_without_a_reason_is_logged_by_its_message() -> None:
    assert str(AppError("conflict", "Taken.")) == "conflict: Taken."


def test_a_zero_wait_is_told_too() -> None:
    assert error_object(AppError("rate_limited", retry_after_ms=0), "req_1")["retry_after_ms"] == 0


def test_field_errors_are_one_failure() -> None:
    error = Invalid(FieldError("a", "invalid"), FieldError("b", "required"), code="message_empty")
    assert (error.code, [field.path for field in error.fields]) == ("message_empty", ["a", "b"])


def test_a_code_that_is_not_in_the_table_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        AppError("no_such_code")
