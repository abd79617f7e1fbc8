"""The one place that opens a connection: http or https, bounded in time and size, no redirects, no cookies.

Only what the user asks for by name comes here: a time-stamp (`label add --tsa`) and `label trust update`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from labeler.errors import ConfigError, NetworkError

_RETRY = "Try again later, or check the network, its proxy and the address."


def split(url: str, schemes: Sequence[str]) -> SplitResult:
    """The parts of an address that may be asked.

    Raises:
        ConfigError: it is malformed, of another scheme, or carries a user name.
    """
    expected = " or ".join(f"{s}://HOST/..." for s in schemes)
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError as e:
        raise ConfigError(f"{url!r} is no address ({e}).", f"Give {expected}.") from e
    if parts.scheme not in schemes or not parts.hostname or not url.isascii() or any(c <= " " for c in url):
        raise ConfigError(f"{url!r} is no address that can be asked.", f"Give {expected}.")
    if parts.username is not None:
        raise ConfigError(
            f"The address of {parts.hostname} carries a user name.",
            "Give one without: it would be in the open.",
        )
    return parts


def fetch(
    url: str,
    *,
    limit: int,
    timeout: float,
    body: bytes | None = None,
    content_type: str = "",
    schemes: Sequence[str] = ("http", "https"),
) -> bytes:
    """What the server answers: at most ``limit`` bytes, within ``timeout`` seconds altogether.

    Posts ``body`` if there is one. Proxies of the environment and the system's certificate authorities hold.

    Raises:
        ConfigError: the address. NetworkError: no answer, a late one, one that is too long, or none of status 200.
    """
    host = split(url, schemes).netloc
    answer: queue.SimpleQueue[bytes | NetworkError] = queue.SimpleQueue()

    def work() -> None:
        answer.put(_ask(url, host, limit, timeout, body, content_type))

    # resolving a name and reading headers know no bound of their own: whoever waits for them does
    threading.Thread(target=work, daemon=True).start()
    try:
        got = answer.get(timeout=timeout)
    except queue.Empty:
        got = _late(host, timeout)
    if isinstance(got, NetworkError):
        raise got
    return got


def _late(host: str, timeout: float) -> NetworkError:
    return NetworkError(f"{host} did not answer within {timeout:g} seconds.", _RETRY)


def _ask(
    url: str, host: str, limit: int, timeout: float, body: bytes | None, content_type: str
) -> bytes | NetworkError:
    import http.client
    import ssl
    import urllib.error
    import urllib.request

    import labeler

    opener = urllib.request.OpenerDirector()  # nothing that follows redirects, opens files or knows ftp
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": f"tanba/{labeler.__version__}"}
    if content_type:
        headers["Content-Type"] = content_type
    end = time.monotonic() + timeout
    data = b""
    try:
        request = urllib.request.Request(url, body, headers)
        with opener.open(request, timeout=timeout) as response:
            if response.status != 200:
                return NetworkError(f"{host} answered with status {response.status}.", _RETRY)
            while chunk := response.read1(limit + 1 - len(data)):
                data += chunk
                if len(data) > limit:
                    return NetworkError(
                        f"{host} answered with more than {limit} bytes.", "Check the address."
                    )
                if time.monotonic() > end:
                    return _late(host, timeout)
            if response.length:  # what was announced and did not come
                return NetworkError(f"{host} broke off its answer.", _RETRY)
    except urllib.error.HTTPError as e:
        with e:
            moved = e.headers.get("Location") if e.code // 100 == 3 else None
        if moved:
            return NetworkError(
                f"{host} sends elsewhere ({moved[:200]!r}); that was not followed.",
                "If you trust that address, give it instead.",
            )
        return NetworkError(f"{host} answered with status {e.code}.", _RETRY)
    except TimeoutError:
        return _late(host, timeout)
    except (OSError, http.client.HTTPException, ValueError) as e:
        why = getattr(e, "reason", None) or e
        if isinstance(why, TimeoutError):
            return _late(host, timeout)
        return NetworkError(f"{host} cannot be asked ({why}).", _RETRY)
    return data
