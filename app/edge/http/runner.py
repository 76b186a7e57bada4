"""Runs an application, and answers by itself what is no HTTP: without a word about the server, without a traceback.

aiohttp has no setting for that, so this file alone knows how it makes its connections; tests/edge/http/test_errors.py
fails when that changes.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from app.core.errors import AppError, error_object
from app.core.ids import NewId
from app.edge.http.headers import FIXED, SERVER

Note = Callable[[str, str], None]
"""Takes a kind of complaint and the address that it is about; keeps what is logged of them in bounds."""


class Runner(web.AppRunner):
    """An `AppRunner` whose connections refuse what they cannot parse in our own words.

    `note` hears of each refusal, `new_id` makes its request id; other options are upstream's.
    """

    def __init__(self, app: web.Application, *, note: Note, new_id: NewId, **options: Any) -> None:
        super().__init__(app, access_log=None, handle_signals=False, handler_cancellation=True, **options)
        self._note = note
        self._new_id = new_id

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        made.__class__ = _Server
        assert isinstance(made, _Server)  # noqa: S101  for the type checker
        made.note, made.new_id = self._note, self._new_id
        return made


class _Server(web.Server):
    note: Note
    new_id: NewId

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what the parser refused; what a handler let through goes upstream's way, with its traceback."""
        server = self._manager
        if status >= 500 or request.writer.output_size > 0 or not isinstance(server, _Server):
            return super().handle_error(request, status, exc, message)
        server.note("malformed HTTP", request.remote or "")
        error = error_object(AppError("invalid_payload"), server.new_id("req"))
        response = web.json_response({"error": error}, status=status, headers={**FIXED, "Server": SERVER})
        response.force_close()
        return response
