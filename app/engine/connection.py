"""One client in one namespace: what an application holds in its hands.

Every method is synchronous and may be called at any time, also after the end, when it does nothing. What is emitted
and what is delivered to rooms reaches the client in the order of the calls.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

from app.engine.frames import text_frame
from app.engine.packets import CONNECT, DISCONNECT, encode, encode_event
from app.engine.rooms import Room, Rooms
from app.engine.socket import SLOW_CONSUMER, Socket
from app.engine.strict_json import dumps
from app.engine.wheel import Timer

if TYPE_CHECKING:
    from app.engine.namespace import Namespace

JOINING: Final = 0
CONFIRMED: Final = 1
WELCOMING: Final = 2
LIVE: Final = 3
GONE: Final = 4


class Place:
    """A namespace as the server knows it: its name, the application's handler, its rooms."""

    __slots__ = ("handler", "name", "rooms")

    def __init__(self, name: str, handler: "Namespace") -> None:
        self.name = name
        self.handler = handler
        self.rooms = Rooms()


class Connection:
    """A client's presence in a namespace.

    id: cannot be guessed and is public to the client. session: free for the application, None at first.
    suspended: what is delivered to rooms does not reach it. accepted: `connected` has returned, so there is a goodbye.
    """

    __slots__ = (
        "_early",
        "_held",
        "_held_bytes",
        "_place",
        "_timers",
        "accepted",
        "id",
        "joined",
        "session",
        "socket",
        "state",
        "suspended",
    )

    def __init__(self, connection_id: str, place: Place, socket: Socket) -> None:
        self.id = connection_id
        self.socket = socket
        self.session: Any = None
        self.state = JOINING
        self.suspended = False
        self.accepted = False
        self.joined: dict[Room, None] = {}
        self._place = place
        self._early: list[bytes] | None = None
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self._timers: set[Timer] | None = None

    @property
    def namespace(self) -> str:
        """The name of the namespace."""
        return self._place.name

    @property
    def handler(self) -> "Namespace":
        """The application's side of the namespace."""
        return self._place.handler

    @property
    def address(self) -> str:
        """The client's address, as far as trusted proxies say."""
        return self.socket.visitor.address

    @property
    def scheme(self) -> str:
        """`http` or `https`, as the client used it."""
        return self.socket.visitor.scheme

    @property
    def headers(self) -> Mapping[str, str]:
        """The handshake's `user-agent`, `authorization` and `origin`, where they were sent."""
        return dict(self.socket.visitor.headers)

    @property
    def transport(self) -> str:
        """`websocket` or `polling`, as of now."""
        return self.socket.link.name

    @property
    def rooms(self) -> frozenset[Any]:
        """The names of the rooms that it is in."""
        return frozenset(room.name for room in self.joined if room.name is not None)

    @property
    def connected(self) -> bool:
        """Tell whether the client has been told that it is connected, and still is."""
        return JOINING < self.state < GONE

    @property
    def pending(self) -> bool:
        """Tell whether deliveries to rooms are kept for it, since it is not welcomed yet."""
        return self.state < LIVE

    def emit(self, name: str, payload_json: bytes, *, volatile: bool = False) -> None:
        """Send an event with one argument.

        payload_json: the argument, as JSON. volatile: may be lost when the client does not keep up.
        """
        if not volatile or self.socket.keeps_up():
            self.send(text_frame(b"4" + encode_event(self.namespace, name, payload_json)))

    def send(self, frames: bytes) -> None:
        """Send whole frames that are encoded already; before the client is told of its connection they wait."""
        if self.state < WELCOMING:
            self._keep(frames, after_welcome=bool(self._held))  # what rooms have said already comes first
        elif self.state != GONE:
            self.socket.engine.mail.send(self.socket, frames)

    def join(self, room: Hashable) -> None:
        """Enter a room; what is delivered to it from now on reaches the client, at once or after its welcome.

        Raises ValueError for None, which stands for everyone.
        """
        if room is None:
            raise ValueError("None is the room of everyone")
        if self.state == GONE:
            return
        entered = self._place.rooms.enter(room)
        if entered not in self.joined:
            self.socket.engine.mail.changing(entered)
            self.joined[entered] = None
            entered.put(self)

    def leave(self, room: Hashable) -> None:
        """Leave a room; nothing that is delivered to it from now on reaches the client."""
        left = self._place.rooms.by_name.get(room)
        if left is not None and left in self.joined:
            self.socket.engine.mail.changing(left)
            del self.joined[left]
            self._place.rooms.leave(left, self)

    def suspend(self) -> None:
        """Let nothing that is delivered to rooms reach the client until `resume`."""
        self.suspended = True
        if self.state == LIVE:
            self._sort()

    def resume(self) -> None:
        """Let deliveries to rooms reach the client again; those in between stay lost."""
        self.suspended = False
        if self.state == LIVE:
            self._sort()

    def close(self, reason: str, last: tuple[str, bytes] | None = None, *, returns: bool = False) -> None:
        """End the client's whole connection: a last event if given, DISCONNECT, then the transport.

        last: the event's name and its argument as JSON. returns: the client is meant to come back, so there is no
        DISCONNECT, after which stock clients stay away. The transport is aborted if the client does not close it
        within the closing time. Other namespaces of the same client end with it.
        """
        if self.state == GONE:
            return
        if self.state != JOINING:
            self.open()
            if last is not None:
                self.emit(*last)
            if not returns:
                self.send(text_frame(b"4" + encode(DISCONNECT, self.namespace)))
        self.socket.close(reason)

    def call_at(self, monotonic_s: float, callback: Callable[[], object]) -> Timer:
        """Call back at a moment of the server's clock, unless it is cancelled or the client is gone by then."""
        wheel = self.socket.engine.wheel

        def run() -> None:
            if self._timers is not None:
                self._timers.discard(timer)
            callback()

        timer = Timer(wheel, run)
        if self.state != GONE:
            self._timers = self._timers or set()
            self._timers.add(timer)
            timer.move(monotonic_s)
        return timer

    # what the server and its rooms call

    def hold(self, frame: bytes) -> None:
        """Keep a delivery until the client is welcomed."""
        if not self.suspended:
            self._keep(frame, after_welcome=True)

    def confirm(self) -> None:
        """Tell the client that it is connected, unless it has left; it is among everyone from now on."""
        if self.state == GONE:
            return
        rooms, mail = self._place.rooms, self.socket.engine.mail
        self.state = CONFIRMED
        rooms.by_id[self.id] = self
        mail.changing(rooms.everyone)
        self.joined[rooms.everyone] = None
        rooms.everyone.put(self)
        answer = encode(CONNECT, self.namespace, b'{"sid":%b}' % dumps(self.id))
        mail.send(self.socket, text_frame(b"4" + answer))

    def open(self) -> None:
        """Give the client what was emitted to it, and everything that will be."""
        if self.state == CONFIRMED:
            early, self._early = self._early, None
            self.state = WELCOMING
            for frames in early or ():
                self.send(frames)

    def go_live(self) -> None:
        """Give the client what was kept for it, and everything from now on directly."""
        if self.state != WELCOMING:
            return
        self.state = LIVE
        held, self._held, self._held_bytes = self._held, None, 0
        self._sort()
        if not self.suspended:
            for frame in held or ():
                self.send(frame)

    def detach(self) -> None:
        """Leave everything at once: rooms, indexes, deadlines."""
        if self.state == GONE:
            return
        rooms, mail = self._place.rooms, self.socket.engine.mail
        self.state = GONE
        for room in self.joined:
            mail.changing(room)
            rooms.leave(room, self)
        self.joined = {}
        self._early = self._held = None
        rooms.by_id.pop(self.id, None)
        for timer in self._timers or ():
            timer.cancel()
        self._timers = None

    def _sort(self) -> None:
        mail = self.socket.engine.mail
        for room in self.joined:
            mail.changing(room)
            room.put(self)

    def _keep(self, frames: bytes, *, after_welcome: bool) -> None:
        limits = self.socket.engine.limits
        if after_welcome:
            self._held = self._held or []
            self._held.append(frames)
        else:
            self._early = self._early or []
            self._early.append(frames)
        self._held_bytes += len(frames)
        kept = len(self._held or ()) + len(self._early or ())
        if self._held_bytes > limits.outbox_bytes or kept > limits.outbox_frames:
            self._early = self._held = None
            self._held_bytes = 0
            self.socket.engine.soon(lambda: self.socket.close(SLOW_CONSUMER))
