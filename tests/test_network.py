"""What goes out over the network is bounded, and every failure is a typed error with a next step."""

from __future__ import annotations

import re
import ssl
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import authority
import pytest
from authority import drip, hang, send, serve

from labeler import network
from labeler.errors import ConfigError, NetworkError

MODULES = Path(network.__file__).parent


def fetch(url: str, **more: object) -> bytes:
    return network.fetch(url, **{"limit": 1000, "timeout": 20.0, **more})  # type: ignore[arg-type]


def test_what_is_asked_is_answered() -> None:
    with serve(lambda h, asked: send(h, asked[::-1])) as web:
        assert fetch(f"{web.url}/x", body=b"abc", content_type="text/plain") == b"cba"
        assert fetch(f"{web.url}/y") == b""
    assert web.asked == [("POST", "/x", b"abc"), ("GET", "/y", b"")]


def broken(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"only this")


def endless_headers(handler: BaseHTTPRequestHandler, asked: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n")


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (lambda h, q: send(h, b"0" * 1001), "more than 1000 bytes"),
        (lambda h, q: send(h, b"", 500), "status 500"),
        (lambda h, q: send(h, b"", 204), "status 204"),
        (lambda h, q: send(h, b"", 302, Location="file:///etc/passwd"), "sends elsewhere"),
        (lambda h, q: send(h, b"", 307, Location="http://127.0.0.1:9/"), "sends elsewhere"),
        (lambda h, q: h.wfile.write(b"not http\r\n\r\n"), "cannot be asked"),
        (lambda h, q: None, "cannot be asked"),
        (endless_headers, "cannot be asked"),
        (broken, "broke off"),
    ],
)
def test_a_bad_answer_is_an_error(reply: authority.Reply, says: str) -> None:
    with serve(reply) as web, pytest.raises(NetworkError, match=says) as caught:
        fetch(web.url)
    assert caught.value.hint


@pytest.mark.parametrize("reply", [hang, drip])
def test_waiting_has_an_end(reply: authority.Reply) -> None:
    with serve(reply) as web, pytest.raises(NetworkError, match=r"within 0\.3 seconds"):
        fetch(web.url, timeout=0.3)


def test_nobody_there() -> None:
    with serve(hang) as web:
        pass
    with pytest.raises(NetworkError, match="cannot be asked"):
        fetch(web.url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://",
        "http://[/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
        "http://user:secret@127.0.0.1/",
        "127.0.0.1",
        "",
    ],
)
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fetch(url)
    assert "secret" not in str(caught.value)


def test_https_means_a_server_that_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, context = authority.tls(tmp_path)
    with serve(lambda h, q: send(h, b"yes"), context=context) as web:
        with pytest.raises(NetworkError, match="certificate verify failed"):
            fetch(web.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(root))
        assert fetch(web.url, schemes=("https",)) == b"yes"
    with pytest.raises(ConfigError, match="no address"):
        fetch("http://127.0.0.1/", schemes=("https",))
    assert isinstance(context, ssl.SSLContext)


def test_proxies_of_the_environment_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda h, q: send(h, b"through")) as web:
        monkeypatch.setenv("http_proxy", web.url)
        assert fetch("http://stamp.example/x", body=b"q") == b"through"
    assert web.asked == [("POST", "http://stamp.example/x", b"q")]


def test_no_other_module_opens_connections() -> None:
    asks = re.compile(
        r"^\s*(?:import|from) (?:urllib\.request|http\.client|socket|ssl|requests|httpx)\b", re.M
    )
    assert {p.name for p in MODULES.rglob("*.py") if asks.search(p.read_text("utf-8"))} == {"network.py"}
