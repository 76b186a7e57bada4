"""What is told of failures: kinds, never texts that may carry a secret."""

import logging

import pytest
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import OutOfMemoryError, ResponseError

from app.bus.trouble import Trouble, describe


def test_arguments_that_a_server_repeats_are_not_told() -> None:
    error = ResponseError("ERR unknown command 'AUTH', with args beginning with: 'user' 'hunter2'")
    assert describe(error) == "ResponseError: ERR"


def test_the_servers_code_is_told() -> None:
    assert describe(ResponseError("NOPERM this user has no permissions")) == "ResponseError: NOPERM"
    assert describe(OutOfMemoryError("command not allowed")) == "OutOfMemoryError"


def test_what_the_system_says_of_a_lost_connection_is_told() -> None:
    with pytest.raises(ConnectionLost) as caught:
        _lose_connection()
    assert describe(caught.value) == "ConnectionError: Connection refused"


def _lose_connection() -> None:
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except OSError:
        raise ConnectionLost("Error 111 connecting to redis://user:hunter2@host") from None


def test_a_lost_connection_without_a_cause_has_a_name() -> None:
    assert describe(ConnectionLost("Connection closed by server.")) == "ConnectionError"
    assert describe(TimeoutError()) == "TimeoutError"


def test_the_same_failure_is_logged_once_and_counted_always(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble("reader", logging.getLogger("test"))
    with caplog.at_level(logging.INFO):
        for error in [TimeoutError(), TimeoutError(), ConnectionLost("x")]:
            trouble.note(error)
        trouble.clear()
        trouble.clear()
    assert caplog.messages == [
        "log reader: TimeoutError",
        "log reader: ConnectionError",
        "log reader: works again",
    ]
    assert (trouble.failures, trouble.failing, trouble.last_error) == (3, False, "ConnectionError")
