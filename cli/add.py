"""``label add``."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from labeler.errors import LabelError, UnsupportedError, UsageError
from labeler.words import printable

from . import signing
from .options import (
    check_paths,
    inputs,
    interruptible,
    jobs,
    names,
    option,
    password,
    password_file,
    standard_input,
    which,
)


@dataclass(frozen=True)
class _Outcome:
    path: str
    receipt: Any = None
    error: LabelError | None = None


@click.command("add")
@click.argument("paths", nargs=-1, metavar="PATH...", callback=check_paths)
@option("-o", "--out", type=click.Path(path_type=Path), help="The file to write ('-': standard output).")
@option("--out-dir", type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@option("--in-place", is_flag=True, help="Replace the files themselves.")
@option(
    "--backup", metavar="SUFFIX", help="With --in-place: keep the old file under its name with this suffix."
)
@option("--system", help="The AI system, e.g. 'Kandinsky 5'.")
@option("--system-version", help="Its version.")
@option("--provider", help="Who provides the AI system.")
@option("--publisher", metavar="ORG", help="Who distributes the content.")
@option(
    "--role",
    type=click.Choice(["owner", "possessor", "user"]),
    help="The publisher's role towards the AI system.",
)
@option(
    "--involvement",
    type=click.Choice(["generated", "modified", "assisted"]),
    default="generated",
    show_default=True,
    help="How far the AI system shaped the content.",
)
@option(
    "--imitates",
    default="",
    callback=names,
    metavar="WHAT[,WHAT]",
    help="What it imitates: appearance, voice, behaviour, event.",
)
@option("--risk", help="Risk class of the AI system, if given.")
@option("--reviewer", metavar="NAME", help="A person who reviewed the content and agrees to be named.")
@option("--original", type=click.Path(path_type=Path), help="What a modified picture was made from.")
@option("--lang", default="kk,ru", show_default=True, callback=names, help="Languages of the notice.")
@option(
    "--notice",
    type=click.Choice(["auto", "plate", "band", "all", "first", "head", "none"]),
    default="auto",
    show_default=True,
    help="On the picture or in a band below it; on all pages or the first; at a text's head; or not at all.",
)
@option(
    "--policy",
    default="kz",
    show_default=True,
    callback=names,
    metavar="NAME[,NAME]",
    help="Whose rules to mind: kz, eu, cn, or a .json file of your own.",
)
@option(
    "--provider-code", metavar="CODE", help="The provider's registered code, for a TC260 label (policy cn)."
)
@option("--publisher-code", metavar="CODE", help="The publisher's, where it only distributes.")
@option("--identity", default="default", show_default=True, help="The signing identity.")
@signing.options
@option("--sidecar", is_flag=True, help="Put the signature into FILE.c2pa beside the file.")
@option("--text-mark", is_flag=True, help="Sign plain text within, in characters that cannot be seen.")
@option(
    "--tsa", metavar="URL", help="Have an RFC 3161 authority stamp the time of signing (asks the network)."
)
@option("--tsa-optional", is_flag=True, help="Without its answer, sign without a time-stamp and say so.")
@option("--prompt", help="The prompt; carried only with --with-prompt.")
@option("--with-prompt", is_flag=True, help="Let the label carry the prompt, which may be personal.")
@password_file
@option("--force", is_flag=True, help="Change documents that their owner has locked against changes.")
@option("--dry-run", is_flag=True, help="Do everything but writing and asking the network.")
@option("--check", is_flag=True, help="Write nothing; exit 1 when a file would change.")
@option("--format", "style", type=click.Choice(["text", "json", "jsonl"]), default="text", show_default=True)
@option("--quiet", "-q", is_flag=True, help="Say only what went wrong.")
@inputs
@jobs
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Write labelled copies of PATHs: files, folders, or '-' for standard input."""
    from labeler.batch.order import in_threads
    from labeler.label import Label

    standard = ("-",) * ("-" in paths)
    paths = (*standard, *which(paths, options["files_from"], options["null"]))
    if not options["system"]:
        raise click.UsageError("Which AI system made it? Pass --system, or set it in the configuration.")
    _check_target(paths, options)
    label_fields = (
        "system",
        "system_version",
        "provider",
        "publisher",
        "role",
        "involvement",
        "imitates",
        "risk",
    )
    label = Label(**{k: options[k] for k in (*label_fields, "reviewer", "prompt")})
    work = _worker(label, options)
    outcomes = []
    told: set[str] = set()  # what holds for the whole batch is said once
    counts: Counter[str] = Counter()
    code = 0
    plan = list(_plan(paths, options))  # whole, before anything is written
    for outcome in interruptible(in_threads(work, plan, options["jobs"])):
        outcomes.append(outcome)
        if outcome.error:
            counts["failed"] += 1
            code = max(code, outcome.error.exit_code)
        elif outcome.receipt is None:
            counts["skipped"] += 1
            continue
        else:
            counts["unchanged" if outcome.receipt.unchanged else "labelled"] += 1
            if options["check"] and not outcome.receipt.unchanged:
                code = max(code, 1)
        _print(outcome, options, told)
    _finish(outcomes, counts, options)
    if not sum(counts.values()) - counts["skipped"]:
        raise UsageError(
            "Nothing to label was found.", "Name files, or a folder with files of kinds Tañba knows."
        )
    return code


def _check_target(paths: tuple[str, ...], options: dict[str, Any]) -> None:
    chosen = [n for n in ("out", "out_dir", "in_place") if options[n]]
    if len(chosen) != 1 and not (options["check"] and not chosen):
        raise click.UsageError("Say where to write: one of -o FILE, --out-dir DIR, --in-place.")
    single = len(paths) == 1 and (paths[0] == "-" or not Path(paths[0]).is_dir())
    if options["out"] and not single:
        raise click.UsageError("-o takes one file; use --out-dir for several.")
    if "-" in paths and not options["out"] and not options["check"]:
        raise click.UsageError("Standard input needs -o FILE or -o -.")
    if str(options["out"]) == "-" and sys.stdout.isatty():
        raise click.UsageError("A picture is not for a terminal: redirect the output, or name a file.")
    if options["backup"] and not options["in_place"]:
        raise click.UsageError("--backup goes with --in-place.")
    if options["tsa_optional"] and not options["tsa"]:
        raise click.UsageError("--tsa-optional goes with --tsa.")
    signing.way(options)


def _plan(paths: tuple[str, ...], options: dict[str, Any]) -> Iterator[tuple[Any, Path | None]]:
    """Each input once, with its target; two inputs never share one."""
    from labeler.batch.walk import Globs, Walk

    globs = Globs(options["include"], options["exclude"])
    targets: dict[Path, Path] = {}
    sources: set[Path] = set()
    for path in paths:
        if path == "-":
            yield None, options["out"]
            continue
        for found in Walk([path], globs):
            real = found.path.resolve()
            if real in sources or (not found.named and _is_output(found.path, real, options)):
                continue
            sources.add(real)
            target = options["out"]
            if options["out_dir"]:
                target = options["out_dir"] / found.relative
                if other := targets.get(target):
                    raise UsageError(
                        f"{other} and {found.path} would both be {target}.", "Label them in two calls."
                    )
                targets[target] = found.path
            yield found, target


def _is_output(path: Path, real: Path, options: dict[str, Any]) -> bool:
    """What an earlier run wrote is no input, nor what a link in a folder leads to elsewhere."""
    if options["in_place"]:
        return path.is_symlink() or bool(options["backup"] and path.name.endswith(options["backup"]))
    return bool(options["out_dir"]) and real.is_relative_to(options["out_dir"].resolve())


def _worker(label: Any, options: dict[str, Any]) -> Any:
    import labeler
    from labeler.media import claims

    dry = options["dry_run"] or options["check"]
    shared = {
        "notice": options["notice"],
        "langs": options["lang"],
        "identity": signing.identity(options),
        "sidecar": options["sidecar"],
        "text_mark": options["text_mark"],
        "tsa": options["tsa"],
        "tsa_optional": options["tsa_optional"],
        "policies": options["policy"],
        "provider_code": options["provider_code"],
        "publisher_code": options["publisher_code"],
        "original": options["original"],
        "with_prompt": options["with_prompt"],
        "dry_run": dry,
        "password": password(options["password_file"]),
        "force": options["force"],
    }

    def work(item: tuple[Any, Path | None]) -> _Outcome:
        found, target = item
        path = printable(found.path) if found else "-"
        try:
            if options["out_dir"] and target and not dry:
                _make_folder(target.parent)
            if found is None:
                source: Any = standard_input()
            else:
                source = found.path
            to_stdout = str(target) == "-"
            receipt = labeler.add(
                source,
                sys.stdout.buffer if to_stdout else target,
                label,
                in_place=options["in_place"],
                backup=options["backup"],
                name=None if found else "stdin",
                **shared,
            )
        except UnsupportedError as e:
            # a name that promises a kind is a broken file, not one of another kind
            other = found and not found.named and not claims(path)
            return _Outcome(path) if other else _Outcome(path, error=e)
        except LabelError as e:
            return _Outcome(path, error=e)
        return _Outcome(path, receipt)

    return work


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        from labeler.errors import WriteError

        raise WriteError(
            f"The folder {folder} cannot be made ({e.strerror}).", "Choose another --out-dir."
        ) from e


def _print(outcome: _Outcome, options: dict[str, Any], told: set[str]) -> None:
    if options["style"] == "jsonl":
        line = json.dumps({"type": "file", **_as_dict(outcome)}, ensure_ascii=False)
        click.echo(line, err=str(options["out"]) == "-")
        return
    if outcome.error:
        click.echo(f"label: {printable(outcome.error)}", err=True)
    elif options["style"] == "text" and not options["quiet"]:
        r = outcome.receipt
        verb = (
            "unchanged"
            if r.unchanged
            else "would label"
            if options["dry_run"] or options["check"]
            else "labelled"
        )
        arrow = f" -> {printable(r.target)}" if r.target and r.target != r.source else ""
        piped = str(options["out"]) == "-"
        click.echo(f"{verb} {outcome.path}{arrow} ({', '.join(r.marks)})", err=piped)
        for line in r.degradations:
            click.echo(f"  second best: {printable(line)}", err=piped)
        for line in r.remarks:
            if line not in told:
                click.echo(f"  note: {printable(line)}", err=piped)
                told.add(line)


def _as_dict(outcome: _Outcome) -> dict[str, Any]:
    e = outcome.error
    error = {"code": e.code, "message": e.message, "hint": e.hint} if e else None
    return {
        "path": outcome.path,
        "receipt": outcome.receipt.to_dict() if outcome.receipt else None,
        "error": error,
    }


def _finish(outcomes: list[_Outcome], counts: Counter[str], options: dict[str, Any]) -> None:
    summary = {k: counts.get(k, 0) for k in ("labelled", "unchanged", "failed", "skipped")}
    to_stderr = str(options["out"]) == "-"
    if options["style"] == "json":
        files = [_as_dict(o) for o in outcomes if o.receipt or o.error]
        document = {"schema_version": 1, "summary": summary, "files": files}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2), err=to_stderr)
    elif options["style"] == "jsonl":
        click.echo(json.dumps({"type": "summary", "schema_version": 1, "summary": summary}), err=to_stderr)
    elif not options["quiet"] and sum(summary.values()) > 1:
        click.echo(", ".join(f"{v} {k}" for k, v in summary.items() if v), err=to_stderr)
