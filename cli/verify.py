"""``label verify``."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click

from labeler.errors import UsageError
from labeler.reports import FORMATS, by_suffix

from .batch import ProgressBar, known, workers
from .options import (
    check_paths,
    inputs,
    interruptible,
    names,
    option,
    password,
    password_file,
    standard_input,
    trust,
    ui_lang,
    which,
)


@click.command("verify")
@click.argument("paths", nargs=-1, metavar="PATH...", callback=check_paths)
@option(
    "--policy",
    default="kz",
    show_default=True,
    callback=names,
    metavar="NAME[,NAME]",
    help="Whose rules are applied: kz, eu, cn, or a .json file of your own.",
)
@option(
    "--depth",
    type=click.Choice(["fast", "default", "deep"]),
    default="default",
    show_default=True,
    help="fast: the container only; default: the visible notice too; deep: what generators hide in pixels too.",
)
@option("--assume-ai", is_flag=True, help="You know that AI made it: without a label it is unlabelled.")
@option(
    "--notice-on-page",
    is_flag=True,
    help="The page around it carries the notice; the report says that you said so.",
)
@trust
@password_file
@option("--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to this file.")
@option(
    "--also",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Write another report of the same run, by its suffix: {', '.join(filter(None, FORMATS.values()))}.",
)
@option("--no-thumbnails", is_flag=True, help="Leave the pictures out of an HTML report.")
@option(
    "--fail-on",
    default="tampered,unlabelled,incomplete",
    show_default=True,
    callback=names,
    metavar="VERDICT[,VERDICT]",
    help="Verdicts that end with exit code 1.",
)
@option("--exit-zero", is_flag=True, help="Exit 0 whatever was found.")
@option("--show-values", is_flag=True, help="Show whole values, prompts too.")
@option("--quiet", "-q", is_flag=True, help="Show only files that need attention.")
@inputs
@workers
@known
@ui_lang
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Verify PATHs: files, folders, zip and tar archives, or '-' for standard input."""
    from labeler import Verdict, reports, verify, verify_many
    from labeler.reports.base import Closing, Settings
    from labeler.words import printable

    outputs = _outputs(options, paths)
    wanted = which(paths, options["files_from"], options["null"])
    if unknown := set(options["fail_on"]) - {v.value for v in Verdict}:
        raise click.UsageError(f"--fail-on: no such verdict: {', '.join(sorted(unknown))}.")
    settings = Settings(
        lang=options["ui_lang"],
        policies=options["policy"],
        fail_on=frozenset(options["fail_on"]),
        show_values=options["show_values"],
        quiet=options["quiet"],
    )
    shared = {
        "policies": options["policy"],
        "depth": options["depth"],
        "assume_ai": options["assume_ai"],
        "notice_on_page": options["notice_on_page"],
        "password": password(options["password_file"]),
        **{k: options[k] for k in ("trust", "trust_tsa", "trust_identity")},
        "thumbnail": not options["no_thumbnails"] and any(style == "html" for style, _ in outputs),
    }
    if options["update_baseline"] and not options["baseline"]:
        raise click.UsageError("--update-baseline: which one? Pass --baseline FILE.")
    bar = ProgressBar(options)
    run = verify_many(
        wanted,
        **shared,
        **{name: options[name] for name in ("include", "exclude", "jobs", "timeout", "memory", "state")},
        **{name: options[name] for name in ("inventory", "against")},
        baseline=None if options["update_baseline"] else options["baseline"],
        progress=bar.show if bar.wanted else None,
    )
    stdin = [verify(standard_input(), **shared)] if "-" in paths else []
    found = chain(stdin, run)
    own = {path.resolve() for _, path in outputs if path}  # what an earlier run wrote is no input
    counts = Counter[str]()
    findings = []  # for a new baseline
    code = 0

    def counted(items: Iterable[Any]) -> Iterator[Any]:
        nonlocal code
        for report in items:
            if own and Path(report.path).resolve() in own:
                continue
            counts["skipped" if report.skipped else report.verdict.value] += 1
            if not report.skipped and settings.fails(report):
                bar.findings += 1
                if options["update_baseline"] and report.sha256:
                    findings.append(report)
                else:
                    code = max(code, 3 if report.error else 1)
            yield report

    def closing() -> Closing:
        every = {name: counts[name] for name in (*(v.value for v in Verdict), "skipped")}
        return Closing(every, tuple(map(printable, run.orphans)))

    with contextlib.ExitStack() as stack:
        stack.enter_context(run)
        stack.enter_context(bar)
        targets = [
            (reports.writer(style, settings), stack.enter_context(_target(style, path)))
            for style, path in outputs
        ]
        reports.stream(counted(interruptible(found, lambda: run.waiting)), targets, closing)
    if counts.total() == counts["skipped"]:
        raise UsageError(
            "Nothing to verify was found.", "Name files, or a folder with files of kinds Tañba knows."
        )
    if options["update_baseline"]:
        from labeler.batch.baseline import Baseline

        Baseline.of(findings).save(options["baseline"])
    return 0 if options["exit_zero"] else code


def _outputs(options: dict[str, Any], paths: tuple[str, ...]) -> list[tuple[str, Path | None]]:
    """Each report's format and file (None: standard output)."""
    outputs: list[tuple[str, Path | None]] = [(options["style"], options["out"])]
    for path in options["also"]:
        if (style := by_suffix(path.name)) is None:
            suffixes = ", ".join(filter(None, FORMATS.values()))
            raise click.UsageError(f"--also {path}: the suffix says no format. Choose from {suffixes}.")
        outputs.append((style, path))
    written = [path for _, path in outputs if path]
    if len({path.absolute() for path in written}) < len(written):
        raise click.UsageError("Two reports would be written to the same file.")
    for path in filter(Path.exists, written):
        if any(Path(p).exists() and path.samefile(p) for p in paths):
            raise click.UsageError(
                f"{path} is one of the files that are verified: no report is written there."
            )
    return outputs


@contextlib.contextmanager
def _target(style: str, path: Path | None) -> Iterator[Callable[[str], object]]:
    """Where the pieces of a report go; a file appears when the report is whole."""
    if path:
        from labeler.files import replacing

        with replacing(path) as f:
            yield lambda text: f.write(_bytes(click.unstyle(text) if style == "text" else text))
    elif style == "text":
        yield lambda text: click.echo(text, nl=False)
    else:
        yield lambda text: click.echo(_bytes(text), nl=False)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
