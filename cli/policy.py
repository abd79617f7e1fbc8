"""``label policy``."""

from __future__ import annotations

import click

from labeler.words import say

from .options import ui_lang


@click.group("policy")
def command() -> None:
    """List and explain the rules. A rule's basis is the statute as read, or `house`: our own safe reading."""


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
@click.argument("name", default="kz")
@ui_lang
def show(name: str, ui_lang: str) -> int:
    """List the rules of a policy."""
    from labeler.policy import engine

    policy = engine.load(name)
    click.echo(f"{policy['title'][ui_lang]}\n{policy['source']}")
    for rule in policy["rules"]:
        level, basis = say(f"level.{rule['level']}", ui_lang), say(f"basis.{rule['basis']}", ui_lang)
        click.echo(f"\n{rule['id']} ({level}; {basis}; {rule['citation']})")
        click.echo(f"  {rule['messages']['holds'][ui_lang]}")
    return 0


@command.command()
@click.argument("rule")
@ui_lang
def explain(rule: str, ui_lang: str) -> int:
    """Explain one RULE: what it rests on, what it looks at, what its results mean."""
    from labeler.errors import UsageError
    from labeler.policy import engine

    for name in engine.names():
        for entry in engine.load(name)["rules"]:
            if entry["id"] == rule:
                level, basis = (
                    say(f"level.{entry['level']}", ui_lang),
                    say(f"basis.{entry['basis']}", ui_lang),
                )
                click.echo(f"{rule} ({level})")
                click.echo(f"  {basis}: {entry['citation']} [{entry['confidence']}]")
                for condition in ("applies", "fails", "unknown", "holds"):
                    if condition in entry:
                        facts = (" & " if condition == "holds" else " | ").join(entry[condition])
                        click.echo(f"  {condition}: {facts}")
                click.echo(f"  otherwise: {entry['otherwise']}")
                for status, texts in entry["messages"].items():
                    click.echo(f"  {status} = {texts[ui_lang]}")
                return 0
    raise UsageError(f"There is no rule {rule!r}.", "See `label policy show`.")
