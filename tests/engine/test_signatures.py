# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
# mypy: disable-error-code="import-untyped"
"""A release of an upstream package that changes what the engine replaces, or privately uses, fails here."""

import hashlib
import inspect

import engineio.async_drivers.aiohttp
import engineio.async_server
import engineio.async_socket
import engineio.base_server
import pytest
import socketio.async_manager
import socketio.async_namespace
import socketio.async_server
import socketio.base_manager
import socketio.base_namespace
import socketio.base_server
import socketio.exceptions
import socketio.packet
from aiohttp import base_protocol, web_protocol, web_request, web_response

# Replaced: their signatures are what upstream's own code calls them with.
REPLACED = {
    engineio.async_server.AsyncServer: "attach handle_request send_packet disconnect shutdown",
    engineio.async_socket.AsyncSocket: "close",
    socketio.async_server.AsyncServer: "attach shutdown disconnect get_session save_session _engineio_server_class",
    socketio.base_server.BaseServer: "register_namespace get_environ",
    socketio.async_namespace.AsyncNamespace: "trigger_event",
    socketio.packet.Packet: "decode",
    socketio.async_manager.AsyncManager: "emit disconnect trigger_callback enter_room leave_room close_room",
    socketio.base_manager.BaseManager: "get_namespaces get_participants is_connected sid_from_eio_sid eio_sid_from_sid "
    "basic_enter_room basic_leave_room basic_close_room get_rooms _generate_ack_id",
    web_response.StreamResponse: "prepare write_eof",
}
# Used: their whole source is what the engine relies on.
USED = {
    engineio.base_server.BaseServer: "__init__ on",
    engineio.async_drivers.aiohttp: "translate_request",
    socketio.async_server.AsyncServer: "__init__ emit send call enter_room leave_room close_room",
    socketio.base_server.BaseServer: "__init__ on event rooms _get_event_handler _get_namespace_handler",
    socketio.base_namespace.BaseNamespace: "__init__",
    socketio.base_namespace.BaseServerNamespace: "_set_server",
    socketio.base_manager.BaseManager: "__init__ set_server",
    socketio.packet.Packet: "__init__ encode",
    socketio.exceptions.ConnectionRefusedError: "__init__",
    web_protocol.RequestHandler: "connection_lost data_received force_close finish_response start _handle_request",
    base_protocol.BaseProtocol: "connection_lost",
    web_request.BaseRequest: "transport protocol remote scheme body_exists _cancel",
}


def signature(function):
    return str(
        [(one.name, one.kind.name, repr(one.default)) for one in inspect.signature(function).parameters.values()]
    )


def source(owner, name):
    attribute = inspect.getattr_static(owner, name)
    return inspect.getsource(getattr(attribute, "fget", None) or getattr(attribute, "wrapped", None) or attribute)


def fingerprints():
    """Return a hash of the signature of all that is replaced, and of the source of all that is used."""
    texts = {
        f"{o.__module__}.{o.__name__}.{n}": signature(getattr(o, n))
        for o, names in REPLACED.items()
        for n in names.split()
    }
    for owner, names in USED.items():
        for name in names.split():
            texts[f"{getattr(owner, '__module__', '')}.{owner.__name__}.{name} (source)"] = source(owner, name)
    return {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in texts.items()}


EXPECTED = {
    "engineio.async_server.AsyncServer.attach": "671237bfaad6",
    "engineio.async_server.AsyncServer.handle_request": "95bc1a0a8981",
    "engineio.async_server.AsyncServer.send_packet": "cf895fa9d799",
    "engineio.async_server.AsyncServer.disconnect": "678c77c29878",
    "engineio.async_server.AsyncServer.shutdown": "12fdb64c50bb",
    "engineio.async_socket.AsyncSocket.close": "792d09595c4f",
    "socketio.async_server.AsyncServer.attach": "e823613c5e24",
    "socketio.async_server.AsyncServer.shutdown": "12fdb64c50bb",
    "socketio.async_server.AsyncServer.disconnect": "73700142b9eb",
    "socketio.async_server.AsyncServer.get_session": "d50f763321db",
    "socketio.async_server.AsyncServer.save_session": "0f883f7de5ae",
    "socketio.async_server.AsyncServer._engineio_server_class": "12fdb64c50bb",
    "socketio.base_server.BaseServer.register_namespace": "bb6acc797e6b",
    "socketio.base_server.BaseServer.get_environ": "d50f763321db",
    "socketio.async_namespace.AsyncNamespace.trigger_event": "6e947514f73b",
    "socketio.packet.Packet.decode": "db820826928a",
    "socketio.async_manager.AsyncManager.emit": "f35f2d97ee1d",
    "socketio.async_manager.AsyncManager.disconnect": "2a544d2f8d13",
    "socketio.async_manager.AsyncManager.trigger_callback": "c0a9d86379a0",
    "socketio.async_manager.AsyncManager.enter_room": "3074550dbbc4",
    "socketio.async_manager.AsyncManager.leave_room": "4dd43d5d1dd1",
    "socketio.async_manager.AsyncManager.close_room": "48288c3107f5",
    "socketio.base_manager.BaseManager.get_namespaces": "12fdb64c50bb",
    "socketio.base_manager.BaseManager.get_participants": "ff26dd3acf48",
    "socketio.base_manager.BaseManager.is_connected": "b61379590c16",
    "socketio.base_manager.BaseManager.sid_from_eio_sid": "3dac8da91fd4",
    "socketio.base_manager.BaseManager.eio_sid_from_sid": "b61379590c16",
    "socketio.base_manager.BaseManager.basic_enter_room": "3074550dbbc4",
    "socketio.base_manager.BaseManager.basic_leave_room": "4dd43d5d1dd1",
    "socketio.base_manager.BaseManager.basic_close_room": "48288c3107f5",
    "socketio.base_manager.BaseManager.get_rooms": "b61379590c16",
    "socketio.base_manager.BaseManager._generate_ack_id": "4d8753a0122e",
    "aiohttp.web_response.StreamResponse.prepare": "20803f55ea45",
    "aiohttp.web_response.StreamResponse.write_eof": "96e934975a4a",
    "engineio.base_server.BaseServer.__init__ (source)": "a06b17502fbd",
    "engineio.base_server.BaseServer.on (source)": "7b5457b52dc7",
    ".engineio.async_drivers.aiohttp.translate_request (source)": "20aa78274006",
    "socketio.async_server.AsyncServer.__init__ (source)": "7ae671981d87",
    "socketio.async_server.AsyncServer.emit (source)": "84391bfd6241",
    "socketio.async_server.AsyncServer.send (source)": "12792de89c46",
    "socketio.async_server.AsyncServer.call (source)": "4b7ae754cf3d",
    "socketio.async_server.AsyncServer.enter_room (source)": "69bba99d7c27",
    "socketio.async_server.AsyncServer.leave_room (source)": "cfa29f46c6f7",
    "socketio.async_server.AsyncServer.close_room (source)": "b1e6be7a218e",
    "socketio.base_server.BaseServer.__init__ (source)": "6b998e091b34",
    "socketio.base_server.BaseServer.on (source)": "049fc8cb2a5f",
    "socketio.base_server.BaseServer.event (source)": "0e0a08f127f4",
    "socketio.base_server.BaseServer.rooms (source)": "c93269b07256",
    "socketio.base_server.BaseServer._get_event_handler (source)": "e18d9a6570aa",
    "socketio.base_server.BaseServer._get_namespace_handler (source)": "3672467a1c13",
    "socketio.base_namespace.BaseNamespace.__init__ (source)": "52aed2436eb5",
    "socketio.base_namespace.BaseServerNamespace._set_server (source)": "6d2772f5796a",
    "socketio.base_manager.BaseManager.__init__ (source)": "bfee992d912f",
    "socketio.base_manager.BaseManager.set_server (source)": "6ca0a0ef7fa2",
    "socketio.packet.Packet.__init__ (source)": "5fe2fa797e08",
    "socketio.packet.Packet.encode (source)": "513c45be7518",
    "socketio.exceptions.ConnectionRefusedError.__init__ (source)": "4cb8b27e54d7",
    "aiohttp.web_protocol.RequestHandler.connection_lost (source)": "df2fe6e95fd0",
    "aiohttp.web_protocol.RequestHandler.data_received (source)": "1ee57ebe052e",
    "aiohttp.web_protocol.RequestHandler.force_close (source)": "38d0e1e798e4",
    "aiohttp.web_protocol.RequestHandler.finish_response (source)": "b7eb53db8f4b",
    "aiohttp.web_protocol.RequestHandler.start (source)": "2e565fd40c8e",
    "aiohttp.web_protocol.RequestHandler._handle_request (source)": "a88a34ee65a2",
    "aiohttp.base_protocol.BaseProtocol.connection_lost (source)": "8b4e1725c564",
    "aiohttp.web_request.BaseRequest.transport (source)": "e52464ca7b0a",
    "aiohttp.web_request.BaseRequest.protocol (source)": "b78e0ccb715b",
    "aiohttp.web_request.BaseRequest.remote (source)": "458717e860bd",
    "aiohttp.web_request.BaseRequest.scheme (source)": "a568df5c9f0b",
    "aiohttp.web_request.BaseRequest.body_exists (source)": "1211aba0c568",
    "aiohttp.web_request.BaseRequest._cancel (source)": "17eda35f901c",
}


@pytest.mark.parametrize("name", fingerprints())
def test_what_the_engine_replaces_or_uses_of_its_upstream_is_unchanged(name):
    assert fingerprints()[name] == EXPECTED[name], (
        f"{name} has changed with an upgrade: read what is new, adapt app/engine, then put the new hash here"
    )


def test_every_expectation_is_still_checked():
    assert set(fingerprints()) == set(EXPECTED)
