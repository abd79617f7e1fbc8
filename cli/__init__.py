"""The `label` command."""
