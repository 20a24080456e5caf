"""Writes wrappers from the templates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jinja2

from litesmith.errors import UsageError
from litesmith.formats.metadata.wrappers.languages import LANGUAGES, Language
from litesmith.formats.metadata.wrappers.naming import (
    comment_text,
    identifiers,
    pascal_case,
    snake_case,
    text_literal,
)
from litesmith.formats.metadata.wrappers.plan import Group, Output, Plan, Tensor

PACKAGE = "com.example.model"
"""Package of Java and Kotlin wrappers where none is given."""

_TAKEN = frozenset("Category Outputs Interpreter Tensor Bitmap String List Arrays Collections Data Any Foundation".split())
"""Classes that the templates use."""

_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


def render(plan: Plan, language: str, package: str = PACKAGE) -> dict[str, str]:
    """The files of a wrapper, by name: the source and a README with a sample of use.

    Raises UsageError for models that wrappers in this language cannot run.
    """
    target = LANGUAGES[language]
    for tensor in (*plan.inputs, *plan.outputs):
        if tensor.host not in target.arrays:
            raise UsageError(f"{tensor.name}: wrappers in {language} take no tensors of texts; use --language python")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("litesmith.formats.metadata.wrappers"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # source text, which the filters make safe
    )
    environment.filters["comment"] = comment_text
    environment.filters["literal"] = partial(text_literal, language=language)
    view = _View(plan, target, package)
    source = f"{view.file_stem}{target.suffix}"
    return {
        source: environment.get_template(f"{language}.j2").render(w=view),
        "README.md": environment.get_template("readme.j2").render(w=view, source=source, language=language),
    }


@dataclass(frozen=True)
class _View:
    """A plan as the templates see it."""

    plan: Plan
    language: Language
    package: str

    @property
    def class_name(self) -> str:
        name = pascal_case(self.plan.name)
        return name if name[:1].isalpha() and name not in _TAKEN else f"Model{name}"

    @property
    def file_stem(self) -> str:
        return snake_case(self.class_name) if self.language.name == "python" else self.class_name

    @property
    def inputs(self) -> list[tuple[str, Any]]:
        """Identifiers and inputs."""
        names = identifiers((t.name for t in self.plan.inputs), self.language.name, "input")
        return list(zip(names, self.plan.inputs, strict=True))

    @property
    def outputs(self) -> list[tuple[str, Output]]:
        """Identifiers and outputs; those in a group, and those that count rows, are seen in the group."""
        names = identifiers((t.name for t in self.plan.outputs), self.language.name, "output")
        return list(zip(names, self.plan.outputs, strict=True))

    def name_of(self, output: Output) -> str:
        """The identifier of an output."""
        return self.outputs[output.place][0]

    @property
    def shown_outputs(self) -> list[tuple[str, Output]]:
        """The outputs that are in no group."""
        hidden = {m.place for g in self.plan.groups for m in (*g.members, *([g.count] if g.count else []))}
        return [(name, output) for name, output in self.outputs if output.place not in hidden]

    @property
    def groups(self) -> list[tuple[str, str, Group, list[tuple[str, Output]]]]:
        """Field, class and members with their identifiers of each group."""
        taken = [name for name, _ in self.shown_outputs]
        names = identifiers([*taken, *(g.name for g in self.plan.groups)], self.language.name, "group")[len(taken) :]
        classes = {self.class_name}
        found = []
        for name, group in zip(names, self.plan.groups, strict=True):
            kind = pascal_case(group.name)
            while not kind[:1].isalpha() or kind in classes | _TAKEN:
                kind = f"Group{kind}"
            classes.add(kind)
            members = identifiers((m.name for m in group.members), self.language.name, "output")
            found.append((name, kind, group, list(zip(members, group.members, strict=True))))
        return found

    @property
    def has_images(self) -> bool:
        return any(t.is_image for t in self.plan.inputs)

    @property
    def has_labels(self) -> bool:
        return any(t.labels for t in self.plan.outputs)

    @property
    def has_scores(self) -> bool:
        return any(t.is_scores for t in self.plan.outputs)

    @property
    def rounds(self) -> bool:
        """Whether an input is quantized."""
        return any(t.is_quantized for t in self.plan.inputs)

    @property
    def resizes(self) -> bool:
        """Whether the size of an input is up to the user."""
        return any(t.is_flexible for t in self.plan.inputs)

    def array(self, tensor: Tensor) -> str:
        """Type of what users give or get for a tensor."""
        return self.language.arrays[tensor.host]

    def put(self, tensor: Tensor, value: str) -> str:
        """Call that puts an element into a buffer."""
        return self.language.puts[tensor.dtype].format(v=value)

    def get(self, tensor: Tensor) -> str:
        """Call that takes an element out of a buffer."""
        return self.language.gets[tensor.dtype]

    def limits(self, tensor: Tensor) -> tuple[int, int]:
        """Smallest and largest number of the type of a quantized tensor."""
        return _LIMITS[tensor.dtype]

    def size(self, tensor: Tensor) -> int:
        """Bytes of an element."""
        return {"float32": 4, "int32": 4, "int64": 8, "int16": 2}.get(tensor.dtype, 1)

    def count(self, tensor: Tensor) -> int:
        """Number of elements, the batch being 1."""
        total = 1
        for size in tensor.shape:
            total *= 1 if size == -1 else size
        return total

    def fixed_shape(self, tensor: Tensor) -> list[int]:
        """The shape, 1 for the batch where it is unknown."""
        return [1 if size == -1 and place == 0 else size for place, size in enumerate(tensor.shape)]
