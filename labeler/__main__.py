"""``python -m labeler`` is ``label``."""

from labeler.cli import main

main()
