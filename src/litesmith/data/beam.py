"""Work on the shards of a data set where an Apache Beam runner puts it, merged into one result."""

from __future__ import annotations

import pickle
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, SetupOptions

from litesmith.data.columns import DataError
from litesmith.data.sources import Dataset, Shard, Work
from litesmith.errors import ConverterError, LitesmithError, Problem, UsageError, VerificationError

T = TypeVar("T")

_IN_PROCESS = "--direct_running_mode=in_memory"  # otherwise Beam may look for a runner to download


def run_on_beam(work: Work[T], data: Dataset, runner: str, options: Sequence[str]) -> T:
    """The merged results of all shards. Raises what a worker has found wrong, and UsageError where the runner fails.

    The result comes back through a file: in the runner's ``temp_location`` where one is given, else in a temporary folder
    of this machine.
    """
    given = list(options)
    if runner == "DirectRunner" and not any(o.startswith("--direct_running_mode") for o in given):
        given.append(_IN_PROCESS)
    try:
        parsed = PipelineOptions([f"--runner={runner}", *given])
        parsed.view_as(SetupOptions).pickle_library = "cloudpickle"
        location = parsed.view_as(GoogleCloudOptions).temp_location
    except (SystemExit, ValueError) as error:
        raise UsageError(f"runner {runner!r} does not take these options: {' '.join(given)}") from error
    with tempfile.TemporaryDirectory(prefix="litesmith-") as scratch:
        name = FileSystems.join(location or scratch, f"litesmith-{uuid.uuid4().hex}.pickle")
        _run(work, data, parsed, name, runner)
        total = _read(name)
        FileSystems.delete([name])
    if isinstance(total, _Failed):
        raise total.error()
    result: T = total
    return result


def _run(work: Work[Any], data: Dataset, options: PipelineOptions, name: str, runner: str) -> None:
    try:
        with beam.Pipeline(options=options) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(list(enumerate(data.shards)))
                | "Spread" >> beam.Reshuffle()
                | "Work" >> beam.ParDo(_Work(work))
                | "Merge" >> beam.CombineGlobally(_Merge(work))
                | "Write" >> beam.Map(_write, name)
            )
    except LitesmithError:
        raise
    except Exception as error:  # runners raise whatever they like
        raise UsageError(f"the runner {runner!r} failed: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


class _Failed:
    """An error of ours on its way from a worker."""

    def __init__(self, number: int, error: LitesmithError) -> None:
        self.number = number
        self.text = str(error)
        self.kind = type(error)
        self.problems: tuple[Problem, ...] = error.problems if isinstance(error, ConverterError) else ()

    def error(self) -> LitesmithError:
        if self.problems:
            return VerificationError(self.problems)
        return self.kind(self.text) if issubclass(self.kind, UsageError) else DataError(self.text)


class _Work(beam.DoFn):
    """A shard to its result."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work

    def process(self, element: tuple[int, Shard]) -> Iterator[Any]:
        number, shard = element
        try:
            yield self.work.of_shard(shard)
        except LitesmithError as error:
            yield _Failed(number, error)


class _Merge(beam.CombineFn):
    """Results of shards to one; of errors the one of the first shard."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work

    def create_accumulator(self) -> Any:
        return self.work.empty()

    def add_input(self, total: Any, part: Any) -> Any:
        if isinstance(total, _Failed) or isinstance(part, _Failed):
            failures = [x for x in (total, part) if isinstance(x, _Failed)]
            return min(failures, key=lambda failed: failed.number)
        return self.work.merge(total, part)

    def merge_accumulators(self, parts: Iterable[Any]) -> Any:
        total = self.create_accumulator()
        for part in parts:
            total = self.add_input(total, part)
        return total

    def extract_output(self, total: Any) -> Any:
        return total


def _write(total: Any, name: str) -> None:
    with FileSystems.create(name) as file:
        pickle.dump(total, file)


def _read(name: str) -> Any:
    with FileSystems.open(name) as file:
        return pickle.load(file)
