"""One self-contained page: no network, no framework; the content security policy lets only its own script run.

The page's parts are `page.html`, `page.css` and `page.js` beside this file. What comes from files enters as JSON in
data blocks, and the document as text nodes only. Files stream; held are the distinct rule results and gaps.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import escape
from importlib import resources
from pathlib import PurePath
from typing import Any

from labeler import words
from labeler._verify import Report
from labeler.policy import engine
from labeler.policy.engine import RuleResult, Verdict
from labeler.reports import base
from labeler.reports.base import Closing, Settings
from labeler.words import printable, say

_BLOCK = 256  # files in a data block
_THUMBNAILS = 24 << 20  # bytes of thumbnails in a page
_ITEMS, _TEXT = 60, 300  # facts, traces, marks of one file; characters of one value
_DETAILS = (  # of a mark, that people read
    "generator",
    "signer",
    "trust_list",
    "time",
    "time_authority",
    "time_list",
    "reason",
    "langs",
)
# of the words of the interface, those that the page speaks
_SPOKEN = re.compile(
    r"(verdict|sentence|next|strength|rule|level|basis|heading|html|label|value|mark|status|detail|fact|not-checked)\."
    r"|skipped|disclaimer"
)


class Writer(base.Writer):
    """Head, data blocks of files, and the rest of the page."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.rules: dict[tuple[str, ...], int] = {}
        self.results: list[dict[str, Any]] = []
        self.gaps: dict[str, int] = {}
        self.files = self.thumbnails = 0
        self.thumbless = False

    def begin(self) -> Iterator[str]:
        yield self._page()[0]

    def file(self, report: Report) -> Iterator[str]:
        if report.skipped:
            return
        if self.files % _BLOCK == 0:
            yield ("</script>\n" if self.files else "") + '<script type="application/json" class="files">\n'
        self.files += 1
        yield _json(self._file(report)) + "\n"

    def end(self, closing: Closing) -> Iterator[str]:
        tail = {
            "counts": closing.counts,
            "rules": self.results,
            "gaps": list(self.gaps),
            "orphans": closing.orphans,
            "words": {
                key: [said[lang] for lang in words.LANGS]
                for key, said in words.table().items()
                if _SPOKEN.match(key)
            },
            "thumbless": self.thumbless,
        }
        rows = "".join(
            f"<tr><td>{escape(self._say(f'verdict.{name}') if name != 'skipped' else self._say('html.skipped'))}"
            f"</td><td>{n}</td></tr>"
            for name, n in closing.counts.items()
        )
        rest = self._page()[1].replace("{table}", f"<table>{rows}</table>", 1)
        yield ("</script>\n" if self.files else "") + rest.replace("{tail}", _json(tail), 1)

    def _say(self, key: str) -> str:
        return say(key, self.settings.lang)

    def _page(self) -> tuple[str, str]:
        """What comes before the files, and what after; ``{table}`` and ``{tail}`` are still to be filled in."""
        style, script = _part("page.css"), _part("page.js")
        csp = (
            f"default-src 'none'; script-src '{_hashed(script)}'; style-src '{_hashed(style)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        policies = [engine.load(name) for name in self.settings.policies]
        head = {
            "lang": self.settings.lang,
            "policies": [{key: p[key] for key in ("id", "version", "title")} for p in policies],
            "failing": sorted(self.settings.fail_on),
            "worst": list(Verdict),
        }
        time = self.settings.time
        offset = time.strftime("%z")
        values = {
            "lang": self.settings.lang,
            "csp": csp,
            "version": escape(base.tool()["version"]),
            "time": time.isoformat(timespec="seconds"),
            "when": time.strftime("%Y-%m-%d %H:%M") + (f" UTC{offset[:3]}:{offset[3:5]}" if offset else ""),
            "head": _json(head),
            "style": style,
            "script": script,
        }
        page = re.sub(r'data-w="([^"]+)">', lambda m: f"{m[0]}{escape(self._say(m[1]))}", _part("page.html"))
        page = re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), page)
        before, _, after = page.partition("<!--files-->\n")
        return before, after

    def _file(self, report: Report) -> dict[str, Any]:
        """Short keys, since there may be 100,000 of these; `page.js` reads them."""
        data = report.to_dict(show_values=self.settings.show_values)
        path, name = printable(report.path), printable(PurePath(report.path).name)
        out: dict[str, Any] = {
            "p": path,
            "d": len(path) - len(name) if name and path.endswith(name) else 0,
            "m": report.media_type,
            "s": report.sha256,
            "z": report.size,
            "v": report.verdict,
            "e": [
                [_clip(e[key]) for key in ("strength", "generator", "where", "excerpt", "source", "tells")]
                for e in sorted(
                    data["evidence"], key=lambda e: ("strong", "weak", "declared").index(e["strength"])
                )
            ][:_ITEMS],
            "r": [self._rule(r) for r in report.rules],
            "k": [[m.kind, m.status, _details(m.details)] for m in report.marks[:_ITEMS]],
            "f": [[f.code, f.level, _clip(f.where)] for f in report.facts[:_ITEMS]],
            "g": [self.gaps.setdefault(gap, len(self.gaps)) for gap in report.not_checked],
        }
        if len(report.facts) > _ITEMS:
            out["f"].append(["", "informational", f"… +{len(report.facts) - _ITEMS}"])
        if data["label"]:
            out["l"] = {
                key: [_clip(v) for v in value] if isinstance(value, list) else _clip(value)
                for key, value in data["label"].items()
            }
        if report.error:
            out["x"] = {"message": _clip(base.problem(report)), "hint": _clip(report.error.hint)}
        if len(report.verdicts) > 1:
            out["vs"] = dict(report.verdicts)
        if report.thumbnail:
            self.thumbnails += len(report.thumbnail)
            if self.thumbnails <= _THUMBNAILS:
                out["n"] = base64.b64encode(report.thumbnail).decode()
            else:
                self.thumbless = True
        return out

    def _rule(self, rule: RuleResult) -> int:
        """The number of this result: most files share a few."""
        texts = [rule.messages.get(lang, "") for lang in words.LANGS]
        key = (rule.policy, rule.id, rule.status, *texts)
        if key not in self.rules:
            self.rules[key] = len(self.results)
            self.results.append(
                {
                    "id": rule.id,
                    "p": rule.policy,
                    "c": rule.citation,
                    "b": rule.basis,
                    "l": rule.level,
                    "s": rule.status,
                    "t": texts,
                }
            )
        return self.rules[key]


def _part(name: str) -> str:
    return resources.files("labeler.reports").joinpath(name).read_text("utf-8")


def _hashed(text: str) -> str:
    """The source expression of CSP for an inline element of this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: object) -> str:
    """JSON that no HTML parser takes for markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda m: f"\\u{ord(m[0]):04x}", text)


def _clip(text: object) -> str:
    shown = printable(text)
    return shown if len(shown) <= _TEXT else shown[: _TEXT - 1] + "…"


def _details(details: dict[str, object]) -> list[list[str]]:
    found = ((key, _plain(details.get(key))) for key in _DETAILS)
    return [[key, _clip(value)] for key, value in found if value]


def _plain(value: object) -> object:
    match value:
        case list():
            return ", ".join(map(str, value))
        case {"own": True}:
            return ""  # the signer is then said to be one of this machine
        case {"name": name, "date": date}:
            return f"{name} ({date})" if date else name
    return value
