"""How the process logs: one line an event, as text for people or JSON for machines, and never a secret.

The rooms log through the standard library; this module only decides what a line looks like.
"""

import logging
import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRETS = re.compile(
    r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"  # a compact token
    r"|(?<=://)[^/@\s]*:[^/@\s]*(?=@)"  # name and password in a URL
    r"|(?<=token=)[^&\s\"']+|(?<=jwt=)[^&\s\"']+"  # what somebody put into a query
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _hide_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _SECRETS.sub("********", value)
    return event


def _keep_to_one_line(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write control characters as escapes, so that nobody's words look like a line of ours; a traceback is ours."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    return event


def configure(form: str, level: str) -> None:
    """Set the process's logging up: `form` is `text` or `json`, `level` the least level that is written."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hide_secrets,
        _keep_to_one_line,
    ]
    last: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiohttp.access", "alembic.runtime.migration", "app.engine.engine", "asyncio"):
        logging.getLogger(noisy).setLevel("WARNING")
