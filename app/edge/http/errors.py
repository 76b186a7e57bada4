"""Turns every failure of an HTTP request into the one error object, and gives each request its id."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from app.core.allowance import Exceeded
from app.core.errors import AppError, Unauthenticated, error_object
from app.core.ids import NewId
from app.edge.http.limits import ALLOWANCE
from app.edge.http.wellformed import Malformed

logger = logging.getLogger("heliograph.http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID = web.RequestKey("request_id", str)

_BY_STATUS = {
    400: "invalid_payload",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}


def failures(new_id: NewId) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Make the outermost middleware: whatever happens inside, the client gets an answer with a code."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = new_id("req")
        try:
            return await handler(request)
        except AppError as error:
            return _answer(request, error)
        except web.HTTPException as answer:
            if answer.status < 400:
                raise
            response = _answer(request, AppError(_BY_STATUS.get(answer.status, "invalid_payload")))
            if "Allow" in answer.headers:
                response.headers["Allow"] = answer.headers["Allow"]
            return response
        except Exception as error:  # noqa: BLE001  the last rung: the caller gets a request id, the log the rest
            return _answer(request, AppError("internal_error"), error)

    return middleware


def _answer(request: web.Request, error: AppError, cause: BaseException | None = None) -> web.Response:
    request_id = request[REQUEST_ID]
    facts = {"request_id": request_id, "code": error.code, "path": request.path}
    if error.row.status >= 500:
        logger.error("request failed: %s", error, exc_info=cause, extra=facts)
    elif isinstance(error, Unauthenticated):
        logger.info("refused: %s", error, extra=facts)
    if isinstance(error, Exceeded):
        request[ALLOWANCE] = error.allowance
    response = web.json_response({"error": error_object(error, request_id)}, status=error.row.status)
    if error.retry_after_ms is not None:
        response.headers["Retry-After"] = str(-(-error.retry_after_ms // 1000))
    if error.row.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Malformed):
        response.force_close()
    return response
