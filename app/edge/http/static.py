"""The page and its files. They change with the version, so browsers ask each time and mostly hear 304."""

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

VENDOR = Path("socket.io-client/dist/socket.io.esm.min.js")


@dataclass(frozen=True, slots=True)
class StaticRoutes:
    """Serves `static/`, and the browser's Socket.IO client out of its npm package."""

    folder: Path
    packages: Path

    def table(self) -> list[web.AbstractRouteDef]:
        """List the routes; the vendored file comes before the folder that would hide it."""
        return [
            web.get("/", self.page),
            web.get("/static/vendor/socket.io.esm.min.js", self.socket_io),
            web.static("/static", self.folder, follow_symlinks=False),
        ]

    async def page(self, _request: web.Request) -> web.FileResponse:
        """Serve the page."""
        return web.FileResponse(self.folder / "index.html", headers={"Cache-Control": "no-cache"})

    async def socket_io(self, _request: web.Request) -> web.FileResponse:
        """Serve the stock client."""
        path = self.packages / VENDOR
        if not path.is_file():
            raise web.HTTPNotFound
        headers = {"Cache-Control": "no-cache", "Content-Type": "text/javascript"}
        return web.FileResponse(path, headers=headers)
