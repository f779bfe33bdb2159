"""Forked children of a process with compiled models."""

from __future__ import annotations

import gc
import os

from . import _ovseal

_kept: tuple[type, ...] = ()


def keep_in_children(*types: type) -> None:
    """Sees to it that a forked child never destroys objects of these types.

    OpenVINO's destructors wait for threads that a child does not have, for ever. A child can do nothing with such objects anyway, so
    it leaves them as they are, and ends without them.
    """
    global _kept
    if not _kept:
        os.register_at_fork(after_in_child=_keep)
    _kept += types


def _keep() -> None:
    for thing in gc.get_objects():
        if isinstance(thing, _kept):
            _ovseal.abandon(thing)
