"""New objects of an encrypted PDF, encrypted as the others are: ISO 32000-2, 7.6 (the standard security handler)."""

from __future__ import annotations

import hashlib
import hmac
import re

import pikepdf
from pikepdf.models import EncryptionInfo

from labeler.errors import UnreadableError

_STRING = re.compile(rb"\((?:[^()\\]|\\.)*\)|<(?!<)[0-9A-Fa-f\s]*>(?!>)", re.DOTALL)
_BEGIN, _END = b"\nstream\n", b"\nendstream"


class Cipher:
    """Encrypts what stands in one object after another."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self.info: EncryptionInfo = pdf.encryption
        self.metadata = bool(pdf.trailer.Encrypt.get("/EncryptMetadata", True))

    def encrypted(self, number: int, generation: int, body: bytes) -> bytes:
        """The body of an object (as `pdf_update` writes it) with its strings and its stream encrypted."""
        head, begin, rest = body.partition(_BEGIN)
        clear = b"/Type /XRef" in head or (b"/Type /Metadata" in head and not self.metadata)
        head = _STRING.sub(lambda found: self._string(number, generation, found[0]), head)
        if not begin:
            return head
        data = rest.removesuffix(_END)
        if not clear:
            data = self._encrypted(self.info.stream_method, number, generation, data)
        return re.sub(rb"/Length \d+", b"/Length %d" % len(data), head) + begin + data + _END

    def _string(self, number: int, generation: int, written: bytes) -> bytes:
        data = bytes(pikepdf.Object.parse(written))
        return b"<%s>" % self._encrypted(self.info.string_method, number, generation, data).hex().encode()

    def _encrypted(self, method: object, number: int, generation: int, data: bytes) -> bytes:
        from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
        from cryptography.hazmat.primitives.ciphers import Cipher as Coded
        from cryptography.hazmat.primitives.ciphers import algorithms, modes

        # pikepdf keeps the enumeration to itself, and tells methods from version 4 on only
        name = getattr(method, "name", "") if self.info.V >= 4 else "rc4"
        if name == "none":
            return data
        if name not in ("rc4", "aes", "aesv3"):
            raise UnreadableError("The PDF's encryption is of an unknown kind.", "Remove it first.")
        key = self.info.encryption_key
        if name != "aesv3":
            salt = number.to_bytes(3, "little") + generation.to_bytes(2, "little")
            salt += b"sAlT" if name == "aes" else b""
            key = hashlib.md5(key + salt, usedforsecurity=False).digest()[: min(16, len(key) + 5)]
        if name == "rc4":
            return Coded(ARC4(key), None).encryptor().update(data)
        # from the content, so that the same update has the same bytes
        start = hmac.digest(key, b"%d %d " % (number, generation) + data, "sha256")[:16]
        pad = 16 - len(data) % 16
        coder = Coded(algorithms.AES(key), modes.CBC(start)).encryptor()
        return start + coder.update(data + bytes([pad]) * pad) + coder.finalize()
