"""What is wrong with the server right now, told without secrets and logged once per change.

Error texts of a server may repeat the arguments of a command, so passwords: only the kind of an error leaves here.
"""

import logging
import re

from redis.exceptions import RedisError

FAILURES = (RedisError, OSError)  # what a server or a network may do to a command; TimeoutError is an OSError
_CODE = re.compile(r"[A-Z]{3,20}\b")


def describe(error: BaseException) -> str:
    """Name an error by its class and the server's code or the system's text, never by its arguments."""
    system = error if isinstance(error, OSError) else error.__cause__ or error.__context__
    detail = system.strerror if isinstance(system, OSError) else None
    if detail is None and isinstance(error, RedisError):
        code = _CODE.match(str(error))
        detail = code.group() if code else None
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__


class Trouble:
    """The failures of one part of the log: counted, and logged when they begin, change and end."""

    def __init__(self, part: str, logger: logging.Logger) -> None:
        self.failures = 0
        self.last_error: str | None = None
        self.failing = False
        self._part = part
        self._logger = logger

    def note(self, error: BaseException) -> None:
        """Count a failure; log it unless the one before was the same."""
        text = describe(error)
        if not self.failing or text != self.last_error:
            self._logger.warning("log %s: %s", self._part, text)
        self.failures += 1
        self.failing = True
        self.last_error = text

    def clear(self) -> None:
        """Say that it works; `last_error` stays for whoever asks what it was."""
        if self.failing:
            self._logger.info("log %s: works again", self._part)
        self.failing = False
