"""TFX's classes of rewriters and its file access; where TFX is not installed, what they amount to on local paths."""

from __future__ import annotations

import abc
import collections
import enum
import os
import shutil
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

__all__ = ["HAS_TFX", "BaseRewriter", "ModelDescription", "ModelType", "fileio"]


class _LocalModelType(enum.Enum):
    """Types of models, as TFX numbers them."""

    ANY_MODEL = 1
    SAVED_MODEL = 2
    TFLITE_MODEL = 3
    TFJS_MODEL = 4


_LocalModelDescription = collections.namedtuple("_LocalModelDescription", ["model_type", "path"])


class _LocalRewriter(abc.ABC):
    """The steps of a rewriter, as TFX has them."""

    @property
    @abc.abstractmethod
    def name(self) -> str: ...

    @abc.abstractmethod
    def _pre_rewrite_validate(self, original_model: ModelDescription) -> None: ...

    @abc.abstractmethod
    def _rewrite(self, original_model: ModelDescription, rewritten_model: ModelDescription) -> None: ...

    @abc.abstractmethod
    def _post_rewrite_validate(self, rewritten_model: ModelDescription) -> None: ...

    def perform_rewrite(self, original_model: ModelDescription, rewritten_model: ModelDescription) -> None:
        """Check, rewrite, check. Raises ValueError that says which step failed, on which model, and why."""
        steps: tuple[tuple[str, Callable[[], None], Any], ...] = (
            ("validate the original model", lambda: self._pre_rewrite_validate(original_model), original_model),
            ("rewrite the model", lambda: self._rewrite(original_model, rewritten_model), original_model),
            ("validate the rewritten model", lambda: self._post_rewrite_validate(rewritten_model), rewritten_model),
        )
        for what, step, model in steps:
            try:
                step()
            except ValueError as error:
                raise ValueError(f"{self.name} failed to {what} {model.path}: {error}") from error


class _LocalFiles:
    """The calls of ``tfx.dsl.io.fileio`` that a rewriter makes, on local paths."""

    open = staticmethod(open)
    exists = staticmethod(os.path.exists)
    isdir = staticmethod(os.path.isdir)
    rmtree = staticmethod(shutil.rmtree)
    remove = staticmethod(os.remove)

    @staticmethod
    def makedirs(path: str) -> None:
        os.makedirs(path, exist_ok=True)

    @staticmethod
    def rename(src: str, dst: str, overwrite: bool = False) -> None:
        os.replace(src, dst)

    @staticmethod
    def copy(src: str, dst: str, overwrite: bool = False) -> None:
        shutil.copyfile(src, dst)

    @staticmethod
    def walk(top: str) -> Iterable[tuple[str, list[str], list[str]]]:
        return os.walk(top)


if TYPE_CHECKING:
    HAS_TFX: bool
    BaseRewriter = _LocalRewriter
    ModelDescription = _LocalModelDescription
    ModelType = _LocalModelType
    fileio: Any
else:
    try:
        import tfx  # noqa: F401  # before anything of TFDV, which needs a module that TFX replaces
        from tfx.components.trainer.rewriting.rewriter import BaseRewriter, ModelDescription, ModelType
        from tfx.dsl.io import fileio

        HAS_TFX = True
    except ImportError:
        BaseRewriter, ModelDescription, ModelType = _LocalRewriter, _LocalModelDescription, _LocalModelType
        fileio, HAS_TFX = _LocalFiles, False
