"""The refresh cookie: where no script can read it and no other site can send it (RFC 6265bis)."""

from dataclasses import dataclass

from aiohttp import web

from app.services.sessions import Grant

SECURE_NAME = "__Host-refresh"
PLAIN_NAME = "refresh"


@dataclass(frozen=True, slots=True)
class RefreshCookie:
    """Reads, sets and clears the cookie; `secure` is False only for plain http on localhost in development."""

    secure: bool

    @property
    def name(self) -> str:
        """Give the cookie's name; with the prefix browsers hold it to Secure, Path=/ and no Domain."""
        return SECURE_NAME if self.secure else PLAIN_NAME

    def read(self, request: web.Request) -> str | None:
        """Take the token out of the request's cookie; None where there is none, or more than one of the name.

        Of two, one was planted, and which of them is first says nothing (RFC 6265bis, 5.8.3).
        """
        pairs = (pair for header in request.headers.getall("Cookie", ()) for pair in header.split(";"))
        named = sum(pair.partition("=")[0].strip() == self.name for pair in pairs)
        return request.cookies.get(self.name) if named == 1 else None

    def set(self, response: web.Response, grant: Grant) -> None:
        """Put the token into the response's cookie."""
        response.set_cookie(
            self.name,
            grant.refresh_token,
            max_age=grant.refresh_expires_in_s,
            path="/",
            httponly=True,
            secure=self.secure,
            samesite="Strict",
        )

    def clear(self, response: web.Response) -> None:
        """Take the cookie away."""
        response.del_cookie(self.name, path="/", httponly=True, secure=self.secure, samesite="Strict")
