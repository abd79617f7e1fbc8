"""Identities that sign, and the anchors that make a signer trusted."""
