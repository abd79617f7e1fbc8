"""Tañba: labels for AI-generated content, written and verified.

The whole public face; everything is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labeler._add import Receipt, add
    from labeler._verify import Report, summary, verify
    from labeler.batch.run import verify_many
    from labeler.errors import LabelError
    from labeler.label import Imitates, Involvement, Label, Role
    from labeler.media.base import Limits
    from labeler.policy.engine import Verdict

__version__ = "0.1.0"
_HOMES = {
    "Imitates": "label",
    "Involvement": "label",
    "Label": "label",
    "LabelError": "errors",
    "Limits": "media.base",
    "Receipt": "_add",
    "Report": "_verify",
    "Role": "label",
    "Verdict": "policy.engine",
    "add": "_add",
    "summary": "_verify",
    "verify": "_verify",
    "verify_many": "batch.run",
}
__all__ = [
    "Imitates",
    "Involvement",
    "Label",
    "LabelError",
    "Limits",
    "Receipt",
    "Report",
    "Role",
    "Verdict",
    "add",
    "summary",
    "verify",
    "verify_many",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'labeler' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"labeler.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
