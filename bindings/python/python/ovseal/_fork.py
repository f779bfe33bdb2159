"""Forked children of a process that has compiled models."""

from __future__ import annotations

import gc
import os
import weakref
from typing import Any, TypeVar

from . import _ovseal

Kept = TypeVar("Kept")

_types: tuple[type, ...] = ()
_objects: weakref.WeakSet[Any] = weakref.WeakSet()


def keep_in_children(*types: type) -> None:
    """Keep a forked child from ever destroying objects of these types.

    OpenVINO's destructors wait for threads that a child does not have, so they would never return.
    A child cannot use such objects anyway, so it exits without destroying them.
    """
    global _types
    if not _types:
        os.register_at_fork(after_in_child=_keep_all)
    _types += types


def keep_in_child(kept: Kept) -> Kept:
    """Do the same for a single object of a type that the garbage collector does not track."""
    _objects.add(kept)
    return kept


def _keep_all() -> None:
    # `gc.get_objects` does not list frozen objects, and servers freeze them before they fork.
    if is_frozen := gc.get_freeze_count() > 0:
        gc.unfreeze()
    # `isinstance` would ask a weak proxy for its class, and fail if the proxy's object is gone.
    tracked = [each for each in gc.get_objects() if issubclass(type(each), _types)]
    if is_frozen:
        gc.freeze()
    for each in [*tracked, *_objects]:
        _ovseal.abandon(each)
