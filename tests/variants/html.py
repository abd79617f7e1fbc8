"""HTML, one for each way it can differ."""

from __future__ import annotations

import base64
from collections.abc import Callable

from variants.plain import KAZAKH, RUSSIAN, STORE

DOCUMENT = f"""<!DOCTYPE html>
<!-- Көктем -->
<html lang="kk" data-theme='light'>
<head>
<meta charset="utf-8">
<title>Көктем <body></title>
<meta name=generator content="Hugo &amp; co"/>
<style>aside {{ display: none }} /* <body> */</style>
<script>var x = "<body>"; <!-- <script> "</script>" --></script>
<script type="application/ld+json">{{"@context": "https://schema.org", "@graph": [
 {{"@type": "Person", "name": "А"}}, {{"@type": "WebPage", "name": "Көктем", "author": {{"name": "Б"}}}}]}}</script>
<template><p>not shown</p></template>
</head>
<body class="a b" onload="if (1 > 0) x()">
<h1>Көктем</h1><p>{KAZAKH}</p><img src=a.jpg alt='>'><p hidden>x</p><!-- <aside> --!><textarea></body></textarea>
</body>
</html>
"""
MANIFEST = f'<script type="application/c2pa">{base64.b64encode(STORE).decode()}</script>'

VARIANTS: dict[str, Callable[[], bytes]] = {
    "document": lambda: DOCUMENT.encode(),
    "crlf-bom": lambda: b"\xef\xbb\xbf" + DOCUMENT.replace("\n", "\r\n").encode(),
    "upper-case": lambda: (
        b"<!doctype HTML><HTML><HEAD><TITLE>x</TITLE></HEAD><BODY BGCOLOR=white>x</BODY></HTML>"
    ),
    "no-head": lambda: f"<!doctype html>\n<meta charset=utf-8><title>x</title>\n<p>{KAZAKH}".encode(),
    "no-body": lambda: b"<html><head></head>\n<!-- c -->\n<p>x",
    "fragment": lambda: f"<p>{KAZAKH}</p>".encode(),
    "text-only": lambda: b"just text & more",
    "quirks": lambda: (
        b'<p a=b"c d=\'>\' e f="x" / g>1 < 2 </ p> <!> <?php echo 1 ?> </x y=z><br/><plaintext></p>'
    ),
    "unfinished-tag": lambda: b'<body><p>x</p><a href="',
    "unfinished-comment": lambda: b"<body><p>x</p><!-- <p>y</p>",
    "utf-16": lambda: b"\xff\xfe" + DOCUMENT.encode("utf-16-le"),
    "cp1251": lambda: f"<html><head><meta charset=windows-1251></head><body>{RUSSIAN}</body>".encode(
        "cp1251"
    ),
    "shift-jis": lambda: (
        '<meta http-equiv="content-type" content="text/html; charset=Shift_JIS"><p>表ソ'.encode("cp932")
    ),
    "unnamed-encoding": lambda: b"<p>\xff\xfd\x81</p>",
    "xhtml": lambda: (
        b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body/></html>'
    ),
    "frames": lambda: b"<html><head></head><frameset cols='1,2'><frame src=a></frameset></html>",
    "manifest": lambda: DOCUMENT.replace("</head>", MANIFEST + "</head>").encode(),
}
