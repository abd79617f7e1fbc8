"""Markdown, one for each way it can differ."""

from __future__ import annotations

import base64
from collections.abc import Callable

from variants.plain import KAZAKH, RUSSIAN, STORE

YAML = f'---\ntitle: "Көктем"\ndate: 2026-11-23 # today\ntags:\n- a\n  - b\nbody: |\n  ---x\n  key: y\n---\n\n# Көктем\n\n{KAZAKH}'
TOML = f'+++\ntitle = "Көктем"\n# note\n[params]\ndigitalSourceType = "theirs"\n+++\n# Көктем\n\n{KAZAKH}'
MANIFEST = (
    "<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,"
    f"{base64.b64encode(STORE).decode()} -----END C2PA MANIFEST----- -->\n"
)

VARIANTS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: f"# Көктем\n\n{KAZAKH}\n```\ncode\n```\n".encode(),
    "no-end": lambda: b"text",
    "yaml": lambda: YAML.encode(),
    "yaml-crlf-bom": lambda: b"\xef\xbb\xbf" + YAML.replace("\n", "\r\n").encode(),
    "yaml-dots": lambda: b"---\ntitle: x\n...\ntext\n",
    "yaml-empty": lambda: b"---\n---\ntext",
    "yaml-to-the-end": lambda: b"---\ntitle: x\n---",
    "yaml-theirs": lambda: b"---\nai-disclosure: ai-assisted\ntitle: x\n---\ntext\n",
    "yaml-no-mapping": lambda: b"---\nNot: front matter\n  indented\n? odd\n---\ntext\n",
    "yaml-indented": lambda: b"---\n  title: x\n---\ntext\n",
    "yaml-utf-16": lambda: b"\xff\xfe" + YAML.encode("utf-16-le"),
    "yaml-cp1251": lambda: f"---\ntitle: Весна\n---\n{RUSSIAN}".encode("cp1251"),
    "toml": lambda: TOML.encode(),
    "rules": lambda: b"---\n\nA text\n\n---\n\nbetween rules\n",
    "manifest": lambda: f"{MANIFEST}# Көктем\n".encode(),
    "about-manifests": lambda: (
        b"    -----BEGIN C2PA MANIFEST-----\n\n<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,AAAA -----END C2PA MANIFEST----- -->\n"
    ),
}
del VARIANTS["yaml-theirs"]  # its label is a slot before and after: test_text looks at it
