"""A Socket.IO server for hostile networks and large rooms, on aiohttp; usable without anything else of this project.

What stands here is the public interface; the rest of the package may change.
"""

from app.engine import strict_json
from app.engine.connection import Connection
from app.engine.limits import Binary, Limits
from app.engine.namespace import ConnectRefused, Namespace
from app.engine.packets import encode_event
from app.engine.server import Server
from app.engine.wheel import Timer

__all__ = [
    "Binary",
    "ConnectRefused",
    "Connection",
    "Limits",
    "Namespace",
    "Server",
    "Timer",
    "encode_event",
    "strict_json",
]
