"""Compiled models that release pages of their weights, and refuse to run in a forked child."""

from __future__ import annotations

import os
from typing import Any

from . import _errors, _ovseal
from ._fork import keep_in_children
from ._runtime import openvino


class CompiledModel(openvino.CompiledModel):
    """A compiled model whose requests share a `Guard`."""

    def __init__(self, compiled: Any, weights: _ovseal.Weights | None):
        super().__init__(compiled)
        self._guard = Guard(weights)

    def create_infer_request(self) -> InferRequest:
        self._guard.check()
        return InferRequest(super().create_infer_request(), self._guard)

    def export_model(self, *arguments: Any) -> Any:
        self._guard.check()
        return super().export_model(*arguments)


class InferRequest(openvino.InferRequest):
    """An inference request of a `CompiledModel`."""

    def __init__(self, request: Any, guard: Guard):
        super().__init__(request)
        self._guard = guard

    def infer(self, *arguments: Any, **keywords: Any) -> Any:
        self._guard.check()
        results = super().infer(*arguments, **keywords)
        self._guard.inferred()
        return results

    def start_async(self, *arguments: Any, **keywords: Any) -> None:
        self._guard.check()
        super().start_async(*arguments, **keywords)

    def wait(self) -> None:
        self._guard.check()
        super().wait()
        self._guard.inferred()


class Guard:
    """The process that compiled a model, and weights whose pages its first inference releases."""

    def __init__(self, weights: _ovseal.Weights | None):
        self._process = os.getpid()
        self._weights = weights

    def check(self) -> None:
        """Fail in a forked child."""
        if self._process != os.getpid():
            raise _errors.ForkedError(
                "this model was compiled before the process forked; the child does not inherit its memory",
                _errors.FORKED,
                'compile the model in the child, or start it with multiprocessing\'s "spawn"',
            )

    def inferred(self) -> None:
        """Release the pages of the weights after the first inference."""
        weights, self._weights = self._weights, None
        if weights is not None:
            weights.release()


# This also covers models that other code compiles from ours.
keep_in_children(openvino.CompiledModel, openvino.InferRequest, openvino.AsyncInferQueue)
