"""A bad network between a log and its server: late, silent, cut in the middle, or leading elsewhere."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Proxy:
    """A TCP port in front of a server's unix socket; the faults are attributes, and hold from the next bytes on."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        self.bytes_per_s = float("inf")  # of each connection and direction
        self.cut_after: int | None = None  # bytes of answers until the connection is reset
        self.open = asyncio.Event()
        self.open.set()
        self.accepted = 0
        self.received = 0  # bytes, in both directions
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        self.accepted += 1
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(server_writer)
        ways = self._carry(reader, server_writer), self._carry(server_reader, writer, answers=True)
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for end in (writer, server_writer):
                end.transport.abort()
                self._writers.discard(end)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        while data := await reader.read(65536):
            self.received += len(data)
            await asyncio.sleep(self.delay_s + len(data) / self.bytes_per_s)
            await self.open.wait()
            if answers and self.cut_after is not None:
                data, self.cut_after = data[: self.cut_after], self.cut_after - len(data)
                writer.write(data)
                if self.cut_after <= 0:
                    self.cut_after = None
                    return
            else:
                writer.write(data)


@asynccontextmanager
async def proxy_to(target: Path, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """Open a proxy for the block, over TLS where a context is given."""
    proxy = Proxy(target)
    carrying: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        carrying.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
