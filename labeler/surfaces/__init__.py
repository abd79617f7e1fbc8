"""Where a notice is drawn, and recognised again."""
