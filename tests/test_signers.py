"""Every algorithm by every kind of signer, judged by two validators; and each way in which a signature goes wrong."""

from __future__ import annotations

import base64
import os
import pickle
import shlex
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pki
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from hypothesis import given
from hypothesis import strategies as st
from pictures import c2pa_reader, encode, encypher, label

import labeler
from labeler.errors import IdentityError
from labeler.marks import c2pa
from labeler.signing import proof, signers
from labeler.signing.identity import Identity
from labeler.signing.signers import ALGORITHMS, CommandSigner, KeySigner, Signer

ROOT = pki.pem(pki.ca().certificate)
# stands for the tool of an HSM or a cloud KMS: `tool.py KEY FORM`, bytes in, signature out
TOOL = """
import base64, os, sys
from cryptography.hazmat.primitives import hashes, serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
key = ser.load_pem_private_key(open(sys.argv[1], "rb").read(), None)
name, data = os.environ["LABEL_ALGORITHM"], sys.stdin.buffer.read()
h = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(name[-3:])
if name == "ed25519":
    out = key.sign(data)
elif name[:2] == "es":
    out = key.sign(data, ec.ECDSA(h))
    if sys.argv[2] == "p1363":
        n = (key.curve.key_size + 7) // 8
        out = b"".join(x.to_bytes(n) for x in utils.decode_dss_signature(out))
else:
    out = key.sign(data, padding.PSS(padding.MGF1(h), h.digest_size), h)
sys.stdout.buffer.write(base64.encodebytes(out) if sys.argv[2] == "base64" else out)
"""


def kind_of(algorithm: str) -> str:
    return "ps256" if algorithm.startswith("ps") else algorithm


def chain(algorithm: str) -> bytes:
    return pki.pem(pki.leaf(kind_of(algorithm)), pki.ca().certificate)


def command(folder: Path, algorithm: str, form: str, **more: Any) -> CommandSigner:
    tool, key = folder / "tool.py", folder / "key of mine.pem"
    tool.write_text(TOOL)
    key.write_bytes(pki.key_pem(pki.key(kind_of(algorithm))))
    line = shlex.join([sys.executable, str(tool), str(key), form])
    return CommandSigner(chain(algorithm), algorithm, signers.command(line), **more)


def judged(signer: Signer) -> None:
    """Both validators trust a picture that it signed, embedded and beside."""
    content, data = label(), encode("png", 64, 48)
    record = {"version": 1, "label": content.to_dict(), "notice": {}, "signed": True}
    manifest = c2pa.definition(content, record, title="x", parent=False, drawn=False)
    who = Identity("x", signer)
    signed = c2pa.sign(data, "image/png", manifest, who, None)
    beside = c2pa.sign_detached(data, manifest, who, None)
    for file, store in ((signed, None), (data, beside)):
        failures, found = c2pa_reader(file, "image/png", store, ROOT)
        assert not failures and found["validation_state"] == "Trusted"
        report = encypher(file, "image/png", store, trust_pem=ROOT.decode())
        assert report["validation_state"].lower() == "trusted", report


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_sign_with_every_algorithm(algorithm: str) -> None:
    judged(KeySigner(chain(algorithm), algorithm, pki.key_pem(pki.key(kind_of(algorithm)))))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_others_sign_with_every_algorithm(algorithm: str) -> None:
    key = KeySigner(chain(algorithm), algorithm, pki.key_pem(pki.key(kind_of(algorithm))))
    judged(Given(algorithm, lambda k, d: key.sign(d)))


@pytest.mark.parametrize(
    ("algorithm", "form"),
    [("es256", "raw"), ("es512", "p1363"), ("es384", "base64"), ("ps384", "raw"), ("ed25519", "raw")],
)
def test_commands_sign(algorithm: str, form: str, tmp_path: Path) -> None:
    assert proof.checked(command(tmp_path, algorithm, form), b"data")


def test_a_command_signs_a_picture(tmp_path: Path) -> None:
    judged(command(tmp_path, "es256", "raw"))


# ---- what comes back is proved


class Given:
    """Signs as the test says."""

    def __init__(self, algorithm: str, sign: Callable[[Any, bytes], bytes]) -> None:
        self.chain, self.algorithm = chain(algorithm), algorithm
        self.key, self.made = pki.key(kind_of(algorithm)), sign

    def __str__(self) -> str:
        return "the test"

    def sign(self, data: bytes) -> bytes:
        return self.made(self.key, data)


def digest(data: bytes, kind: Any = None) -> bytes:
    made = hashes.Hash(kind or hashes.SHA256())
    made.update(data)
    return made.finalize()


S256, S384 = hashes.SHA256(), hashes.SHA384()
EC256, EC384 = ec.ECDSA(S256), ec.ECDSA(S384)


def pss(salt: int, hashed: Any = S256) -> padding.PSS:
    return padding.PSS(padding.MGF1(hashed), salt)


@pytest.mark.parametrize(
    ("algorithm", "sign", "why"),
    [
        ("es256", lambda k, d: b"", "0 bytes"),
        ("es256", lambda k, d: k.sign(d, EC256)[:-1], "instead of 64"),
        ("es256", lambda k, d: k.sign(d, EC256).hex().encode(), "bytes of text instead of 64"),
        ("es256", lambda k, d: k.sign(d, EC384), "SHA-384 instead of SHA-256"),
        ("es256", lambda k, d: k.sign(digest(d), EC256), "over a digest of the bytes"),
        ("es256", lambda k, d: pki.key("es256", 7).sign(d, EC256), "another key, or over other bytes"),
        ("es256", lambda k, d: k.sign(d + b"\n", EC256), "another key, or over other bytes"),
        ("es256", lambda k, d: bytes(64), "another key, or over other bytes"),
        ("ps256", lambda k, d: k.sign(d, padding.PKCS1v15(), S256), "PKCS #1 v1.5 padding instead of PSS"),
        ("ps256", lambda k, d: k.sign(d, pss(20), S256), "its salt is not 32 bytes long"),
        ("ps256", lambda k, d: k.sign(d, pss(48, S384), S384), "SHA-384 instead of SHA-256"),
        ("ps256", lambda k, d: k.sign(digest(d), pss(32), S256), "over a digest of the bytes"),
        ("ps256", lambda k, d: bytes(255), "255 bytes instead of 256"),
        ("ed25519", lambda k, d: k.sign(digest(d, hashes.SHA512())), "over a digest of the bytes"),
        ("ed25519", lambda k, d: k.sign(d) + b"\n", "65 bytes instead of 64"),
    ],
)
def test_wrong_signatures_are_explained(algorithm: str, sign: Any, why: str, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(encode("png"))
    who = Identity("x", Given(algorithm, sign))
    with pytest.raises(IdentityError, match=why) as caught:
        labeler.add(picture, tmp_path / "b.png", label(), notice="none", identity=who)
    assert "The test gave a signature" in caught.value.message and "a.png" in caught.value.message
    assert caught.value.hint.startswith(f"It must be {algorithm}") and not (tmp_path / "b.png").exists()


@given(st.binary(max_size=300))
def test_no_bytes_pass_for_a_signature(noise: bytes) -> None:
    for algorithm in ("es256", "ps256", "ed25519"):
        with pytest.raises(IdentityError, match="does not confirm"):
            proof.checked(Given(algorithm, lambda k, d: noise), b"data")


@given(st.sampled_from(["es256", "es384", "es512"]), st.sampled_from(["der", "p1363", "base64"]), st.binary())
def test_every_form_becomes_coses(algorithm: str, form: str, data: bytes) -> None:
    size = {"es256": 32, "es384": 48, "es512": 66}[algorithm]

    def sign(key: Any, data: bytes) -> bytes:
        der: bytes = key.sign(data, ec.ECDSA(signers.hash_of(algorithm)))
        if form == "base64":
            return base64.b64encode(der)
        return der if form == "der" else b"".join(x.to_bytes(size) for x in utils.decode_dss_signature(der))

    signature = proof.checked(Given(algorithm, sign), data)
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    assert len(signature) == 2 * size
    public = pki.key(algorithm).public_key()
    public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(signers.hash_of(algorithm)))


def test_ctrl_c_in_a_signer_is_no_error_of_c2pa() -> None:
    def interrupted(key: Any, data: bytes) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        labeler.add(encode("png"), None, label(), identity=Identity("x", Given("es256", interrupted)))


# ---- commands


def run(line: str, **more: Any) -> bytes:
    return CommandSigner(chain("es256"), "es256", signers.command(line), **more).sign(b"data")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (
            "import sys; sys.exit('no token\\x1b[31m there')",
            r"exit code 1; it said: 'no token \[31m there'\.",
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
        ("", "wrote no signature"),
        ("import sys; sys.stdin.close()", "wrote no signature"),
    ],
)
def test_failing_commands_are_explained(code: str, why: str) -> None:
    with pytest.raises(IdentityError, match=why):
        run(shlex.join([sys.executable, "-c", code]))


def test_a_command_that_hangs_or_babbles_is_ended() -> None:
    for line in ("sleep 60", "yes"):
        with pytest.raises(IdentityError, match=r"did not end within 0\.3 seconds"):
            run(line, timeout=0.3)
    babble = "import sys; sys.stdout.write('x' * 10_000_000); sys.stderr.write('y' * 10_000_000)"
    assert len(run(shlex.join([sys.executable, "-c", babble]))) == 65536


def test_what_a_hanging_command_started_ends_with_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    line = f"import subprocess, time; p = subprocess.Popen(['sleep', '60']); open({str(child)!r}, 'w').write(str(p.pid)); time.sleep(60)"
    with pytest.raises(IdentityError, match="did not end within"):
        run(shlex.join([sys.executable, "-c", line]), timeout=5)
    state = Path(f"/proc/{child.read_text()}/stat")
    for _ in range(100):
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("it is still there")


def test_a_command_gets_the_bytes_and_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_PASSWORD", "secret")
    tell = "import os, sys; print(sys.argv[1:], sys.stdin.read(), {k: v for k, v in os.environ.items() if k[:6] == 'LABEL_'})"
    said = run(shlex.join([sys.executable, "-c", tell, "$HOME", "a b", ";rm"])).decode()
    assert "['$HOME', 'a b', ';rm'] data" in said and "'LABEL_ALGORITHM': 'es256'" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("line", "why"), [("", "empty"), ("a 'b", "cannot be read"), ("no-such-program-x 1", "no program")]
)
def test_command_lines_that_cannot_be_run(line: str, why: str) -> None:
    with pytest.raises(IdentityError, match=why):
        signers.command(line)


def test_no_program_is_taken_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sign-it").write_text("#!/bin/true\n")
    (tmp_path / "sign-it").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    with pytest.raises(IdentityError, match="working directory"):
        signers.command("sign-it")
    assert signers.command("./sign-it x") == (str(tmp_path / "sign-it"), "x")


def test_threads_share_a_command(tmp_path: Path) -> None:
    signer, out = command(tmp_path, "es256", "raw"), []
    threads = [threading.Thread(target=lambda: out.append(proof.checked(signer, b"x"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(out) == 4


def test_no_secret_is_shown() -> None:
    signer = KeySigner(chain("es256"), "es256", pki.key_pem(pki.key()))
    assert "PRIVATE" not in repr(signer) + repr(Identity("x", signer)) + str(signer)
    assert pickle.loads(pickle.dumps(signer)) == signer
