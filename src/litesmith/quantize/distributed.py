"""Calibration on data sets of any size: shard by shard in this process, or on Apache Beam, with the same result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from litesmith.data import Batch, Dataset, open_data
from litesmith.data.sources import Shard, Source, run_on_shards
from litesmith.errors import UsageError
from litesmith.formats.tflite import read_model, write_model
from litesmith.ir import Program
from litesmith.ir.constant import Array
from litesmith.quantize.calibrate import Calibration, Observed, ranges_of, require_ranges
from litesmith.quantize.samples import Call, calls_of

_BATCH = 64  # examples that are read at once


class CalibrationData:
    """A data set to calibrate with, for ``litesmith.convert(quantize="int8", calibrate=CalibrationData(…))``.

    source: see `litesmith.data.open_data`. inputs: input name -> feature name where they differ. signature: the entry point
    (default: the only one, or ``serving_default``). skip_bad_records: how many damaged records of a shard are passed over.
    runner: an Apache Beam runner with its options; by default everything runs in this process. The ranges are the same,
    bit by bit, wherever the shards are worked on.
    """

    def __init__(
        self,
        source: Source,
        *,
        inputs: Mapping[str, str] | None = None,
        signature: str | None = None,
        skip_bad_records: int = 0,
        runner: str | None = None,
        runner_options: Sequence[str] = (),
    ) -> None:
        self.data: Dataset = open_data(source)
        self.inputs = dict(inputs or {})
        self.signature = signature
        self.skip = skip_bad_records
        self.runner, self.runner_options = runner, tuple(runner_options)

    def calls(self, program: Program) -> Iterator[Call]:
        """The examples as calls of a program, one after the other."""
        for batch in self.data.batches(_BATCH, self.skip):
            yield from _calls(program, batch, self.signature, self.inputs)

    def calibrate(self, program: Program, threads: int = 1) -> Calibration:
        """What the tensors of a float program held. Raises QuantizationError, DataError and UsageError."""
        observed = Observed(program)
        work = _Work(
            write_model(program), write_model(observed.copy.program), observed.keys, self.signature, self.inputs,
            threads if self.runner is None else 1, self.skip,
        )  # fmt: skip
        found = run_on_shards(work, self.data, self.runner, self.runner_options)
        require_ranges(found)
        return found


@dataclass(frozen=True)
class _Work:
    """Observes the float model on a shard. model, observed: as files hold them, without and with observers."""

    model: bytes
    observed: bytes
    keys: Mapping[str, Sequence[str]]
    signature: str | None
    inputs: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    skip: int = 0

    def empty(self) -> Calibration:
        return Calibration()

    def of_shard(self, shard: Shard) -> Calibration:
        from litesmith.runtime import Runner

        program, runner = read_model(self.model), Runner(self.observed, self.threads)
        found = Calibration()
        for batch in shard.batches(_BATCH, self.skip):
            for key, inputs in _calls(program, batch, self.signature, self.inputs):
                found = found.merge(ranges_of(self.keys[key], runner.run(dict(inputs), key)))
        return found

    def merge(self, total: Calibration, part: Calibration) -> Calibration:
        return total.merge(part)


def _calls(program: Program, batch: Batch, signature: str | None, names: Mapping[str, str]) -> Iterator[Call]:
    """The examples of a batch, each a call."""
    if not batch.size:
        return
    known = {s.key: s for s in program.signatures}
    key = signature or (next(iter(known)) if len(known) == 1 else "serving_default")
    if key not in known:
        raise UsageError(f"no signature {key!r}; the model has: {', '.join(map(repr, known))}")
    chosen = known[key]
    columns: dict[str, Array] = {}
    for name, place in chosen.inputs.items():
        shape = chosen.graph.inputs[place].type.shape or ()
        column = batch.column(names.get(name, name))
        inner = list(shape[1:])
        sizes = [d for d in inner if isinstance(d, int) and d >= 0]
        columns[name] = column.reshape(batch.size, *sizes) if len(sizes) == len(inner) else column
    yield from calls_of(program, {key: columns})
