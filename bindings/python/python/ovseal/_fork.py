"""Forked children of a process with compiled models."""

from __future__ import annotations

import gc
import os
import weakref
from typing import Any, TypeVar

from . import _ovseal

Thing = TypeVar("Thing")

_kept: tuple[type, ...] = ()
_things: weakref.WeakSet[Any] = weakref.WeakSet()


def keep_in_children(*types: type) -> None:
    """Sees to it that a forked child never destroys objects of these types.

    OpenVINO's destructors wait for threads that a child does not have, for ever. A child can do nothing with such objects anyway, so
    it leaves them as they are, and ends without them.
    """
    global _kept
    if not _kept:
        os.register_at_fork(after_in_child=_keep)
    _kept += types


def keep_in_child(thing: Thing) -> Thing:
    """Does the same for one object, of a type that the garbage collector does not know."""
    _things.add(thing)
    return thing


def _keep() -> None:
    # What was frozen, as one does before a fork, is not among the objects.
    if is_frozen := gc.get_freeze_count() > 0:
        gc.unfreeze()
    # A proxy answers for what it stands for, which may be gone, when it is asked for its class.
    things = [each for each in gc.get_objects() if issubclass(type(each), _kept)]
    if is_frozen:
        gc.freeze()
    for thing in [*things, *_things]:
        _ovseal.abandon(thing)
