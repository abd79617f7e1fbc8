"""Signing from the command line: every way to sign, which one counts, and secrets that stay secret."""

from __future__ import annotations

import os
import pty
import select
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pki
import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.serialization import pkcs12
from labeler.cli import main
from pictures import encode

import labeler
from labeler.signing import identity

Run = Callable[..., tuple[int, str, str]]
ADD = ("add", "a.png", "--system", "Kandinsky 5", "--notice", "none", "-o", "b.png")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """`label` in a folder with a picture, PEM files, a PKCS #12 file (password) and its password."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABEL_DATA_DIR", str(tmp_path / "data"))
    Path("a.png").write_bytes(encode("png", 64, 48))
    pki.write(tmp_path)
    Path("root.pem").write_bytes(pki.pem(pki.ca().certificate))
    leaf, issuer = pki.nca()
    data = pkcs12.serialize_key_and_certificates(
        b"x", pki.key("ps256"), leaf, [issuer], ser.BestAvailableEncryption(b"Qupiya-77")
    )
    Path("nca.p12").write_bytes(data)
    Path("pw").write_text("Qupiya-77\n")

    def call(*args: str, **environment: str) -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as done:
                main(list(args))
        out, err = capfd.readouterr()
        assert "Qupiya-77" not in out + err and "Traceback" not in err
        return int(done.value.code or 0), out, err

    return call


def signer() -> str | None:
    """Who signed b.png."""
    report = labeler.verify("b.png")
    return next((str(m.details["signer"]) for m in report.marks if m.kind == "c2pa"), None)


COMMAND = shlex.join(["openssl", "dgst", "-sha256", "-sign", "key.pem"])


@pytest.mark.parametrize(
    "options",
    [
        ("--cert", "chain.pem", "--key", "key.pem"),
        ("--cert", "chain.pem", "--signer-command", COMMAND),
        ("--p12", "nca.p12", "--password-file", "pw", "--algorithm", "ps512"),
    ],
)
def test_add_signs_in_every_way(options: tuple[str, ...], run: Run) -> None:
    code, out, err = run(*ADD, *options)
    assert code == 0 and "labelled a.png" in out, err
    assert ("name, IIN, BIN" in out) is (options[0] == "--p12")
    assert signer() == ('АО "ТЕСТ"' if options[0] == "--p12" else "Qala Media")
    assert not Path("data").exists()  # none was made


def test_the_command_line_outranks_environment_and_configuration(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('p12 = "nca.p12"\npassword-file = "pw"\nsigner-timeout = 20\n')
    config = {"LABEL_CONFIG": str(tmp_path / "c.toml")}
    pem = ("--cert", "chain.pem", "--key", "key.pem")
    environment = {"LABEL_CERT": "chain.pem", "LABEL_SIGNER_COMMAND": COMMAND}
    for args, more, who in (
        ((), {}, 'АО "ТЕСТ"'),
        (pem, {}, "Qala Media"),
        (("--identity", "default"), {}, "Tanba local identity"),
        ((), environment, "Qala Media"),
        (("--p12", "nca.p12"), environment, 'АО "ТЕСТ"'),
        (("--key", "key.pem"), environment, "Qala Media"),
        (("--identity", "default"), environment, "Tanba local identity"),
    ):
        Path("b.png").unlink(missing_ok=True)
        code, _, err = run(*ADD, *args, **config, **more)
        assert code == 0 and signer() == who, err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--p12", "nca.p12", "--key", "key.pem", "--cert", "chain.pem"), "Choose one of --key, --p12"),
        (("--identity", "default", "--p12", "nca.p12"), "Choose one of --identity, --p12"),
        (("--cert", "chain.pem"), "--cert goes with --key"),
        (("--key", "key.pem"), "--key needs the certificate chain"),
        (("--signer-command", "x"), "--signer-command needs the certificate chain"),
        (("--identity", "default", "--algorithm", "ps384"), "--algorithm goes with"),
        (("--p12", "nca.p12"), "nca.p12 needs a password. Give --password-file FILE, or set LABEL_PASSWORD"),
        (("--p12", "nca.p12", "--password-file", "a.png"), "password file"),
        (("--cert", "chain.pem", "--key", "key.pem", "--algorithm", "ps384"), "Choose from es256"),
        (("--cert", "chain.pem", "--signer-command", "openssl nonsense"), "it said:"),
        (("--pkcs11", "pkcs11:token=a;object=b?pin-value=Qupiya-77"), "A PIN has no place"),
        (("--cert", "none.pem", "--key", "key.pem"), "none.pem cannot be read"),
    ],
)
def test_what_cannot_sign_is_2_before_any_file_is_touched(args: tuple[str, ...], said: str, run: Run) -> None:
    code, out, err = run(*ADD, *args)
    assert code == 2 and said in err and not out, err
    assert not Path("b.png").exists() and not Path("data").exists()


def test_an_unfit_certificate_is_told_once_for_all_files(run: Run, tmp_path: Path) -> None:
    pki.write(tmp_path, purposes=(pki.CLIENT,), usage="key_encipherment")
    for n in range(3):
        Path(f"in-{n}.png").write_bytes(encode("png", 64, 48))
    many = ("add", "in-0.png", "in-1.png", "in-2.png", "--system", "K", "--in-place")
    code, _, err = run(*many, "--cert", "chain.pem", "--key", "key.pem")
    assert code == 2 and err.count("does not allow digital signatures") == 1 and "other purposes" in err


def test_the_life_of_an_identity(run: Run, tmp_path: Path) -> None:
    code, out, err = run("identity", "import", "nca", "--p12", "nca.p12", "--password-file", "pw")
    assert code == 0 and "signs with ps256" in out and "name, IIN, BIN" in out, err
    assert b"ENCRYPTED" in (tmp_path / "data/identities/nca/key.pem").read_bytes()
    assert run("identity", "list")[1] == "nca\n"
    code, out, _ = run("identity", "show", "nca")
    assert code == 0 and "encrypted" in out and "serialNumber=IIN123456789011" in out and "PRIVATE" not in out
    assert run("identity", "check", "nca")[0] == 2
    code, out, _ = run("identity", "check", "nca", LABEL_PASSWORD="Qupiya-77")
    assert code == 0 and "confirms the signature" in out
    assert run(*ADD, "--identity", "nca")[0] == 2
    assert run(*ADD, "--identity", "nca", LABEL_PASSWORD_FILE="pw")[0] == 0
    assert run("identity", "export", "nca", "-o", "ca.pem")[0] == 0
    report = labeler.verify("b.png", trust=[Path("ca.pem")])
    assert "c2pa.signer.trusted" in {f.code for f in report.facts}
    assert run("identity", "remove", "nca")[0] == 2
    assert run("identity", "remove", "nca", "--yes")[0] == 0 and run("identity", "list")[1] == ""
    run("identity", "import", "nca", "--p12", "nca.p12", "--password-file", "pw", "--no-password")
    assert run(*ADD[:-1], "c.png", "--identity", "nca")[0] == 0


def test_a_request_is_completed(run: Run) -> None:
    from cryptography import x509

    code, out, err = run("identity", "request", "qala", "--org", "Qala Media", "--country", "KZ")
    csr = x509.load_pem_x509_csr(out.encode())
    assert code == 0 and "identity import qala --cert" in err
    assert "waits for its certificate" in run("identity", "show", "qala")[1]
    assert run("identity", "export", "qala")[0] == 2 and run("identity", "import", "qala")[0] == 2
    issued = pki.certificate(csr.public_key(), pki.ca().by, csr.subject)
    Path("alone.pem").write_bytes(pki.pem(issued))
    assert run("identity", "import", "qala", "--cert", "chain.pem")[0] == 2
    assert run("identity", "import", "qala", "--cert", "alone.pem")[0] == 0
    assert "can trust it" in run("identity", "export", "qala")[2]
    assert run(*ADD, "--identity", "qala")[0] == 0 and signer() == "Qala Media"


def test_check_tells_every_defect(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("identity", "check", "--cert", "chain.pem")
    assert code == 0 and "Defects found: 0. The key was not checked" in out
    pki.write(tmp_path, purposes=(), authority=False)
    code, out, _ = run("identity", "check", "--cert", "chain.pem", "--key", "key.pem")
    assert code == 1 and "defect authority-key:" in out and "defect purpose.absent:" in out
    assert run("identity", "check", "default", "--cert", "chain.pem")[0] == 2
    Path("gost.p12").write_bytes(pki.p12("Qupiya-77", pki.gost_key(), [pki.gost_certificate()]))
    code, _, err = run("identity", "check", "--p12", "gost.p12", "--password-file", "pw")
    assert code == 2 and "GOST" in err and "RSA signing certificate" in err


def test_a_local_identity_under_a_password(run: Run) -> None:
    assert run("identity", "create", "default", "--encrypt")[0] == 2
    assert run("identity", "create", "default", "--encrypt", "--password-file", "pw")[0] == 0
    assert run(*ADD)[0] == 2 and run(*ADD, LABEL_PASSWORD="Qupiya-77")[0] == 0
    assert identity.kept("default").local


def test_a_password_is_asked_for_on_a_terminal(run: Run) -> None:
    """Twice for a new one, and it is not shown."""
    arguments = [sys.executable, "-m", "labeler", "identity", "create", "asked", "--encrypt"]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(arguments[0], arguments)
    seen = b""
    answered = 0
    while select.select([terminal], [], [], 60)[0]:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        if seen.count(b": ") > answered and answered < 2:
            os.write(terminal, b"Qupiya-77\n")
            answered += 1
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, seen
    assert answered == 2 and b"Password of the key of identity 'asked'" in seen and b"Qupiya-77" not in seen
    assert identity.load("asked", lambda what: "Qupiya-77").algorithm == "es256"
