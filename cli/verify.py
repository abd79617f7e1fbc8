"""``label verify``."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import click

from labeler.errors import UsageError

from .options import (
    check_paths,
    interruptible,
    jobs,
    names,
    option,
    password,
    password_file,
    printable,
    say,
    standard_input,
    trust,
    ui_lang,
)

_FAILING = ("tampered", "unlabelled", "incomplete")
_COLOURS = {
    "labelled": "green",
    "no-evidence": "blue",
    "suspected": "yellow",
    "incomplete": "yellow",
    "unlabelled": "red",
    "tampered": "red",
    "unreadable": "magenta",
}
_SIGNS = {"holds": "+", "fails": "x", "unknown": "?", "not-applicable": "-"}


@click.command("verify")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", callback=check_paths)
@option(
    "--policy",
    default="kz",
    show_default=True,
    callback=names,
    metavar="NAME[,NAME]",
    help="Whose rules are applied.",
)
@option(
    "--depth",
    type=click.Choice(["fast", "default"]),
    default="default",
    show_default=True,
    help="fast: the container only; default: the visible notice too.",
)
@option("--assume-ai", is_flag=True, help="You know that AI made it: without a label it is unlabelled.")
@option(
    "--notice-on-page",
    is_flag=True,
    help="The page around it carries the notice; the report says that you said so.",
)
@trust
@password_file
@option("--format", "style", type=click.Choice(["text", "json", "jsonl"]), default="text", show_default=True)
@option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to this file.")
@option(
    "--fail-on",
    default=",".join(_FAILING),
    show_default=True,
    callback=names,
    metavar="VERDICT[,VERDICT]",
    help="Verdicts that end with exit code 1.",
)
@option("--exit-zero", is_flag=True, help="Exit 0 whatever was found.")
@option("--show-values", is_flag=True, help="Show whole values, prompts too.")
@option("--quiet", "-q", is_flag=True, help="Show only files that need attention.")
@jobs
@ui_lang
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Verify PATHs: files, folders, or '-' for standard input."""
    from labeler import Verdict, summary, verify, verify_many
    from labeler.files import orphans

    if options["out"] and any(
        Path(p).exists() and options["out"].exists() and Path(p).samefile(options["out"]) for p in paths
    ):
        raise click.UsageError("-o names one of the files that are verified.")
    if unknown := set(options["fail_on"]) - {v.value for v in Verdict}:
        raise click.UsageError(f"--fail-on: no such verdict: {', '.join(sorted(unknown))}.")
    shared = {
        "policies": options["policy"],
        "depth": options["depth"],
        "assume_ai": options["assume_ai"],
        "notice_on_page": options["notice_on_page"],
        "trust": options["trust"],
        "password": password(options["password_file"]),
    }
    reports = []
    out = _Output(options)
    code = 0
    named = [p for p in paths if p != "-"]
    stdin = [verify(standard_input(), **shared)] if "-" in paths else []
    for report in interruptible(chain(stdin, verify_many(named, jobs=options["jobs"], **shared))):
        reports.append(report)
        if not report.skipped:
            code = max(code, 3 if report.error else int(report.verdict.value in options["fail_on"]))
            out.file(report)
    lost = list(orphans(named))
    out.end(summary(reports), lost)
    if all(r.skipped for r in reports):
        raise UsageError(
            "Nothing to verify was found.", "Name files, or a folder with files of kinds Tañba knows."
        )
    return 0 if options["exit_zero"] else code


class _Output:
    """Text and JSON Lines as they come, JSON at the end."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options, self.lang = options, options["ui_lang"]
        self.files: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.not_checked: dict[str, None] = {}  # in the order met

    def _say(self, line: str) -> None:
        if self.options["out"]:
            self.lines.append(click.unstyle(line))
        else:
            click.echo(line)

    def file(self, report: Any) -> None:
        style = self.options["style"]
        if style == "text":
            attention = report.error or report.verdict.value in self.options["fail_on"]
            if attention or not self.options["quiet"]:
                self._text(report)
            return
        data = report.to_dict(show_values=self.options["show_values"])
        data["path"] = printable(data["path"])
        if style == "jsonl":
            self._say(json.dumps({"type": "file", **data}, ensure_ascii=False))
        else:
            self.files.append(data)

    def _text(self, report: Any) -> None:
        verdict = report.verdict.value
        head = click.style(say(f"verdict.{verdict}", self.lang), fg=_COLOURS[verdict], bold=True)
        self._say(f"{printable(report.path)}: {head}")
        if report.error:
            self._say(f"    {printable(report.error.message)} {printable(report.error.hint)}")
        for fact in report.facts:
            if fact.code in ("c2pa.tampered", "evidence.strong", "evidence.weak", "label.ai-part"):
                self._say(f"    {say(f'fact.{fact.code}', self.lang)} [{printable(fact.where)}]")
        self.not_checked.update(dict.fromkeys(report.not_checked))
        for rule in report.rules:
            if rule.status.value != "not-applicable":
                level = say(f"level.{rule.level}", self.lang)
                message = rule.messages.get(self.lang, "")
                self._say(f"  {_SIGNS[rule.status.value]} {rule.id} ({level}; {rule.citation}): {message}")

    def end(self, counts: dict[str, int], lost: list[Path]) -> None:
        from labeler._verify import SCHEMA_VERSION

        style = self.options["style"]
        if style == "json":
            document = {
                "schema_version": SCHEMA_VERSION,
                "tool": _tool(),
                "policies": list(self.options["policy"]),
                "summary": counts,
                "orphans": [printable(p) for p in lost],
                "files": self.files,
            }
            self._say(json.dumps(document, ensure_ascii=False, indent=2))
        elif style == "jsonl":
            head = {"type": "summary", "schema_version": SCHEMA_VERSION, "tool": _tool()}
            self._say(json.dumps({**head, "summary": counts, "orphans": [printable(p) for p in lost]}))
        elif not self.options["quiet"]:
            for path in lost:
                self._say(f"{printable(path)}: {say('orphan', self.lang)}")
            found = [
                f"{n} {say(f'verdict.{v}', self.lang)}" for v, n in counts.items() if n and v != "skipped"
            ]
            skipped = [say("skipped", self.lang, n=counts["skipped"])] if counts["skipped"] else []
            self._say(", ".join(found + skipped))
            missing = "; ".join(say(f"not-checked.{x}", self.lang, default=x) for x in self.not_checked)
            self._say(f"{say('heading.not-checked', self.lang)}: {missing}" if missing else "")
            self._say(say("disclaimer", self.lang))
        if self.options["out"]:
            from labeler.files import write

            write(self.options["out"], "".join(f"{line}\n" for line in self.lines).encode("utf-8", "replace"))


def _tool() -> dict[str, str]:
    from labeler import __version__

    return {"name": "tanba", "version": __version__}
