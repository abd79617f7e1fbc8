"""``label policy``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from labeler.words import say

from .options import names, option, ui_lang


@click.group("policy")
def command() -> None:
    """List and explain the rules. A rule's basis is the statute as read, or `house`: our own safe reading.

    POLICY is a name, or the path of a .json file of your own, which is checked.
    """


@command.command("list")
@ui_lang
def list_(ui_lang: str) -> int:
    """List the policies."""
    from labeler.policy import engine

    for name in engine.names():
        policy = engine.load(name)
        click.echo(
            f"{name}  {policy['title'][ui_lang]} (version {policy['version']}, {len(policy['rules'])} rules)"
        )
    return 0


@command.command()
@click.argument("policy", default="kz")
@ui_lang
def show(policy: str, ui_lang: str) -> int:
    """List the rules of a POLICY."""
    from labeler.policy import engine

    data = engine.load(policy)
    click.echo(f"{data['title'][ui_lang]}\n{data['source']}")
    for rule in data["rules"]:
        level, basis = say(f"level.{rule['level']}", ui_lang), say(f"basis.{rule['basis']}", ui_lang)
        click.echo(f"\n{rule['id']} ({level}; {basis}; {rule['citation']})")
        click.echo(f"  {rule['messages']['holds'][ui_lang]}")
    return 0


@command.command()
@click.argument("policies", nargs=-1, metavar="[POLICY]...")
@ui_lang
def table(policies: tuple[str, ...], ui_lang: str) -> int:
    """Print the rules of each POLICY (by default of all that ship) as Markdown."""
    from labeler.policy import engine, page

    click.echo(page.markdown(policies or engine.names(), ui_lang), nl=False)
    return 0


@command.command()
@ui_lang
def facts(ui_lang: str) -> int:
    """List the facts that the conditions of a rule can name."""
    from labeler.policy import engine

    for code in engine.known_facts():
        click.echo(f"{code}  {say(f'fact.{code}', ui_lang)}")
    return 0


@command.command()
@click.argument("rule")
@option("--policy", default="", callback=names, metavar="POLICY", help="Where it stands, if that is a file.")
@ui_lang
def explain(rule: str, policy: tuple[str, ...], ui_lang: str) -> int:
    """Explain one RULE: what it rests on, what it looks at, what its results mean."""
    from labeler.errors import UsageError
    from labeler.policy import engine

    for name in policy or engine.names():
        data = engine.load(name)
        for entry in data["rules"]:
            if entry["id"] == rule:
                _explain(entry, entry.get("since") or data.get("since"), ui_lang)
                return 0
    raise UsageError(f"There is no rule {rule!r}.", "See `label policy show`.")


def _explain(entry: Mapping[str, Any], since: str | None, ui_lang: str) -> None:
    level, basis = say(f"level.{entry['level']}", ui_lang), say(f"basis.{entry['basis']}", ui_lang)
    click.echo(f"{entry['id']} ({level})")
    click.echo(f"  {basis}: {entry['citation']} [{entry['confidence']}]")
    if since:
        click.echo(f"  {say('policy.since', ui_lang, day=since)}")
    if "note" in entry:
        click.echo(f"  {entry['note'][ui_lang]}")
    for condition in ("applies", "unless", "fails", "unknown", "holds"):
        if condition in entry:
            facts = (" & " if condition == "holds" else " | ").join(entry[condition])
            click.echo(f"  {condition}: {facts}")
    click.echo(f"  otherwise: {entry['otherwise']}")
    for status, texts in entry["messages"].items():
        click.echo(f"  {status} = {texts[ui_lang]}")
