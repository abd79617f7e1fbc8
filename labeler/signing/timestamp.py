"""Time-stamps of RFC 3161: an authority confirms when a signature was there.

c2pa 0.91 puts the token where claim v2 wants it (``sigTst2``, over the signature) and checks imprint, nonce,
signature and certificate. But it asks by itself: past every setting for hosts, past proxies, for as long as
half a minute, and without saying what went wrong. So it is given an address on the loopback, and what it asks there
is asked by `labeler.network`.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from labeler import network
from labeler.errors import NetworkError, TimeStampError

TIMEOUT = 10.0  # seconds; c2pa itself waits for 30
_MAX_QUERY = 4096  # bytes; an RFC 3161 query has about 70
_MAX_REPLY = 64 << 10
_NEXT = "Name another authority with --tsa, or pass --tsa-optional: then it is signed without a time-stamp."


@dataclass(frozen=True)
class Authority:
    """Who stamps: an address of RFC 3161 over HTTP; ``timeout`` in seconds.

    Raises:
        ConfigError: the address cannot be asked.
    """

    url: str
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        network.split(self.url, ("http", "https"))

    @property
    def host(self) -> str:
        """For messages."""
        return network.split(self.url, ("http", "https")).netloc


@dataclass
class Relay:
    """Where c2pa asks; ``asked`` once it did, ``error`` if no time-stamp came of that."""

    url: str | None = None
    asked: bool = False
    error: NetworkError | None = None


def failure(authority: Authority, relay: Relay, refusal: Exception) -> TimeStampError:
    """Why there is no time-stamp, when c2pa refuses an answer or there was none."""
    if relay.error:
        return TimeStampError(f"there is no time-stamp: {relay.error.message}", f"{relay.error.hint} {_NEXT}")
    why = str(refusal).removeprefix("Signature: internal error (").removesuffix(")")
    return TimeStampError(
        f"there is no time-stamp: what {authority.host} answered does not fit this signature ({why[:200]}).",
        _NEXT,
    )


@contextlib.contextmanager
def relay(authority: Authority | None) -> Iterator[Relay]:
    """An address on the loopback that passes queries on to this authority and to nobody else; without one, none."""
    if authority is None:
        yield Relay()
        return
    with _serving(authority) as state:
        yield state


@contextlib.contextmanager
def _serving(authority: Authority) -> Iterator[Relay]:
    from http.server import BaseHTTPRequestHandler
    from socketserver import ThreadingTCPServer

    path = f"/{secrets.token_urlsafe(16)}"  # other programs of this machine cannot know it
    state = Relay()

    class Handler(BaseHTTPRequestHandler):
        timeout = authority.timeout

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != path or not 0 < length <= _MAX_QUERY:
                self.send_error(404)
                return
            state.asked = True
            try:
                reply = network.fetch(
                    authority.url,
                    body=self.rfile.read(length),
                    content_type="application/timestamp-query",
                    limit=_MAX_REPLY,
                    timeout=authority.timeout,
                )
                if status := _refused(reply):
                    raise NetworkError(
                        f"{authority.host} refuses (PKIStatus {status}).", "Ask whoever runs it."
                    )
            except NetworkError as e:
                state.error = e
                self.send_error(502)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingTCPServer):  # not an HTTPServer, which would look up the machine's name
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever else connects here gets no answer, and no traceback."""

    try:
        server = Server(("127.0.0.1", 0), Handler)
    except OSError as e:
        raise TimeStampError(
            f"there is no time-stamp: no port of the loopback can be had ({e.strerror}).", _NEXT
        ) from e
    with server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}{path}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()


def _refused(reply: bytes) -> int:
    """The PKIStatus of a TimeStampResp (RFC 3161, 2.4.2) that grants nothing; 0 for all else, which c2pa judges."""
    # SEQUENCE { SEQUENCE { INTEGER status, ...
    at = 0
    for _ in range(2):
        if reply[at : at + 1] != b"\x30" or len(reply) < at + 2:
            return 0
        at += 2 + (reply[at + 1] & 0x7F if reply[at + 1] & 0x80 else 0)
    status = reply[at + 2] if reply[at : at + 2] == b"\x02\x01" and len(reply) > at + 2 else 0
    return status if status > 1 else 0  # 1: granted with modifications
