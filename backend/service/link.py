"""The socket that the extension talks to: encrypted, and open to one key only.

libzmq hands what comes without any handshake to a socket without a mechanism; a web page could
reach that. CURVE keeps it out, on this machine too.
"""

import logging
from typing import Any

import zmq
import zmq.utils.z85

from shared.messages import Message
from shared.wire import GREATEST_FRAME_BYTES, encode

log = logging.getLogger(__name__)

_DOMAIN = b"photo-avatar"
_ADDRESS = "tcp://127.0.0.1:*"
_HEARTBEAT_MS, _HEARTBEAT_TIMEOUT_MS = 2000, 6000
_HANDSHAKE_MS = 3000
"""A peer that does not complete its handshake by then is dropped."""
_GREATEST_BATCH = 64
"""Messages taken at once, before others are served."""

Request = tuple[bytes, list[memoryview]]
"""Who asks, and the frames."""


class Link:
    """Owns the sockets: the extension's, and the gate that libzmq asks whom to let in (ZAP)."""

    def __init__(self, client_key: str, wake: Any) -> None:
        """Bind to a free port of this machine.

        Args:
            client_key: Z85, public, of the only client that is let in.
            wake: Has a `fileno()`; what is readable there ends `receive`'s wait.
        """
        public, secret = zmq.curve_keypair()
        self.server_key = public.decode()
        self._client_key = client_key.encode()
        self._context = zmq.Context()
        self._gate = self._context.socket(zmq.REP)
        self._gate.bind("inproc://zeromq.zap.01")
        self._router = self._context.socket(zmq.ROUTER)
        self._router.set(zmq.CURVE_SECRETKEY, secret)
        self._router.set(zmq.CURVE_PUBLICKEY, public)
        self._router.set(zmq.CURVE_SERVER, 1)
        self._router.set(zmq.ZAP_DOMAIN, _DOMAIN)
        for option, value in _OPTIONS.items():
            self._router.set(option, value)
        self._router.bind(_ADDRESS)
        self.endpoint = str(self._router.get_string(zmq.LAST_ENDPOINT)).rstrip("\0")
        self._poller = zmq.Poller()
        for source in (self._gate, self._router, wake):
            self._poller.register(source, zmq.POLLIN)

    def receive(self, timeout_s: float) -> list[Request]:
        """Return what has come by the time anything has; empty if only the wake-up has."""
        ready = dict(self._poller.poll(round(timeout_s * 1000)))
        if self._gate in ready:
            self._admit()
        if self._router not in ready:
            return []
        requests: list[Request] = []
        while len(requests) < _GREATEST_BATCH and self._router.poll(0):
            sender, *frames = self._router.recv_multipart(copy=False)
            requests.append((sender.bytes, [frame.buffer for frame in frames]))
        return requests

    def send(self, receiver: bytes, message: Message) -> None:
        """Send a message; one whose receiver is gone, or reads nothing, is dropped.

        Raises:
            WireError: if the message cannot be sent.
        """
        frames = encode(message)
        try:
            self._router.send_multipart([receiver, *frames], flags=zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:
            log.warning("%s not sent: %s", type(message).__name__, error)

    def close(self) -> None:
        """Close all; nothing more is sent."""
        self._context.destroy(linger=0)

    def _admit(self) -> None:
        """Answer libzmq's question about one peer (rfc.zeromq.org/spec/27)."""
        version, request, domain, _address, _identity, mechanism, *keys = (
            self._gate.recv_multipart()
        )
        is_ours = (
            (domain, mechanism) == (_DOMAIN, b"CURVE")
            and len(keys) == 1
            and zmq.utils.z85.encode(keys[0]) == self._client_key
        )
        if not is_ours:
            log.warning("a peer with another key was turned away")
        verdict = [b"200", b"OK"] if is_ours else [b"400", b"unknown key"]
        self._gate.send_multipart([version, request, *verdict, b"", b""])


_OPTIONS: dict[zmq.SocketOption, int] = {
    zmq.ROUTER_MANDATORY: 1,  # a receiver that is gone is an error, not silence
    zmq.ROUTER_HANDOVER: 1,  # a client that comes again may bring its identity
    zmq.HEARTBEAT_IVL: _HEARTBEAT_MS,
    zmq.HEARTBEAT_TIMEOUT: _HEARTBEAT_TIMEOUT_MS,
    zmq.HANDSHAKE_IVL: _HANDSHAKE_MS,
    zmq.LINGER: 0,
    zmq.MAXMSGSIZE: GREATEST_FRAME_BYTES,  # of one frame; a peer that sends a larger is dropped
}
