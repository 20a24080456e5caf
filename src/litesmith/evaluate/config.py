"""TFMA's EvalConfig to a plan; everything that is not known or does not fit is told at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from litesmith.errors import FormatError, MissingFileError, UsageError
from litesmith.evaluate import means, protos
from litesmith.evaluate.keys import MetricKey, SubKey
from litesmith.evaluate.metrics import CLASSES, Metric, MetricClass
from litesmith.evaluate.plan import Average, ModelPlan, Plan, Threshold
from litesmith.evaluate.slicing import SliceSpec
from litesmith.evaluate.statistics import Sums
from litesmith.evaluate.views import ViewSpec


def read_config(path: Path) -> Any:
    """An EvalConfig message of a text proto or JSON file; also the `eval_config.json` of TFMA's output."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingFileError("no such file", path=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"cannot be read as text ({error})", path=str(path)) from error
    return parse_config(text, str(path))


def parse_config(text: str, path: str = "") -> Any:
    """An EvalConfig message of text. Raises FormatError that names the line."""
    from google.protobuf import json_format, text_format

    try:
        if not text.lstrip().startswith("{"):
            return text_format.Parse(text, protos.EvalConfig())
        data = json.loads(text)
        run = data.get("evalConfig", data.get("eval_config"))
        return json_format.ParseDict(data if run is None else run, protos.EvalConfig())
    except (text_format.ParseError, json_format.ParseError, ValueError, RecursionError) as error:
        raise FormatError(f"not an EvalConfig ({error})", path=path) from error


def plan_of(config: Any, paths: Mapping[str, Any]) -> Plan:
    """The plan of an EvalConfig for models by name. Raises UsageError that lists every problem."""
    problems = _unsupported_requests(config)
    specs = list(config.model_specs) or [protos.ModelSpec(name=name) for name in paths]
    if len(paths) != len(specs):
        problems.append(f"the configuration has {len(specs)} model_specs, but {len(paths)} models are given")
    single = len(specs) == 1
    titles = list(paths)
    models = tuple(
        ModelPlan(
            "" if single else spec.name, titles[i] if i < len(titles) else spec.name, spec.signature_name or None,
            spec.is_baseline and not single, spec.inference_batch_size,
        )
        for i, spec in enumerate(specs)
    )  # fmt: skip
    builder = _Builder({model.name: spec for model, spec in zip(models, specs, strict=True)}, models, problems)
    for spec in config.metrics_specs:
        builder.add(spec)
    slices = tuple(dict.fromkeys(_slice_of(spec) for spec in config.slicing_specs)) or (SliceSpec(),)
    if not builder.metrics and not problems:
        problems.append("no metrics are asked for")
    if problems:
        raise UsageError("; ".join(dict.fromkeys(problems)))
    metrics = tuple({(metric.key, getattr(metric, "plot", False)): metric for metric in builder.metrics}.values())
    minimum = config.options.min_slice_size.value or 1
    return Plan(metrics, slices, models, tuple(dict.fromkeys(builder.thresholds)), minimum, config)


def _unsupported_requests(config: Any) -> list[str]:
    """What an EvalConfig asks for and nobody here does."""
    metrics = config.metrics_specs
    asked = {
        "cross_slicing_specs are not supported": config.cross_slicing_specs,
        "compute_confidence_intervals is not supported": config.options.compute_confidence_intervals.value,
        "slice_keys_sql is not supported; use feature_keys and feature_values": any(
            spec.slice_keys_sql for spec in config.slicing_specs
        ),
        "query_key is not supported": any(spec.query_key for spec in metrics),
        "output_weights are not supported": any(spec.output_weights for spec in metrics),
        "cross_slice_thresholds are not supported": any(
            spec.cross_slice_thresholds or any(metric.cross_slice_thresholds for metric in spec.metrics)
            for spec in metrics
        ),
        "preprocessing_function_names are not supported": any(
            model.preprocessing_function_names for model in config.model_specs
        ),
        "more than one model is the baseline": sum(model.is_baseline for model in config.model_specs) > 1,
    }
    return [text for text, there in asked.items() if there]


def _slice_of(spec: Any) -> SliceSpec:
    return SliceSpec(tuple(sorted(spec.feature_keys)), tuple(sorted(spec.feature_values.items())))


class _Builder:
    """Collects metrics and thresholds of the MetricsSpecs, and what is wrong with them."""

    def __init__(self, specs: Mapping[str, Any], models: Sequence[ModelPlan], problems: list[str]) -> None:
        self.specs, self.models, self.problems = specs, models, problems
        self.baseline = next((model.name for model in models if model.baseline), None)
        self.metrics: list[Metric | Average] = []
        self.thresholds: list[Threshold] = []

    def add(self, spec: Any) -> None:
        known = self._known_metrics(spec)
        for model in self._models(spec):
            for output in spec.output_names or [""]:
                for weighted in self._weightings(spec, model):
                    view = self._view(model, output, weighted)
                    names = {}
                    for config, kind, options in known:
                        keys = self._add_metric(spec, config, kind, options, view)
                        names.update({key.name: key for key in keys})
                        for key in keys:
                            self._add_thresholds(key, config)
                    self._add_named_thresholds(spec, names)

    def _known_metrics(self, spec: Any) -> list[tuple[Any, MetricClass, dict[str, Any]]]:
        known = []
        for config in spec.metrics:
            kind = CLASSES.get(config.class_name)
            if kind is None:
                close = get_close_matches(config.class_name, CLASSES, 1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                self.problems.append(f"unknown metric {config.class_name!r}{hint}")
                continue
            options = self._options(config, kind)
            if options is not None:
                known.append((config, kind, options))
        return known

    def _options(self, config: Any, kind: MetricClass) -> dict[str, Any] | None:
        text = config.config.strip()
        try:
            options = json.loads(text if text.startswith("{") else "{" + text + "}")
        except ValueError as error:
            self.problems.append(f"metric {config.class_name}: its config is not JSON ({error})")
            return None
        options = {name: value for name, value in options.items() if value is not None and name != "dtype"}
        unknown = sorted(set(options) - kind.options - {"name"})
        if unknown:
            takes = ", ".join(sorted(kind.options | {"name"}))
            self.problems.append(f"metric {config.class_name} does not take {', '.join(unknown)}; it takes {takes}")
            return None
        return {name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}

    def _models(self, spec: Any) -> list[str]:
        if not spec.model_names or len(self.models) == 1:
            return [model.name for model in self.models]
        for name in spec.model_names:
            if name not in self.specs:
                self.problems.append(f"metrics of a model {name!r}, which no model_spec names")
        return [name for name in spec.model_names if name in self.specs]

    def _weightings(self, spec: Any, model: str) -> list[bool]:
        chosen = spec.example_weights
        if spec.HasField("example_weights"):
            return [flag for flag, wanted in ((True, chosen.weighted), (False, chosen.unweighted)) if wanted]
        return [bool(self.specs[model].example_weight_key or self.specs[model].example_weight_keys)]

    def _view(self, model: str, output: str, weighted: bool) -> ViewSpec:
        spec = self.specs[model]
        label = spec.label_keys.get(output, spec.label_key) if spec.label_keys else spec.label_key
        weight = spec.example_weight_keys.get(output, "") if spec.example_weight_keys else spec.example_weight_key
        if weighted and not weight:
            self.problems.append("weighted metrics are asked for, but the model_spec names no example_weight_key")
        prediction = spec.prediction_keys.get(output, "") if spec.prediction_keys else spec.prediction_key
        return ViewSpec(model, prediction or output, label, weight if weighted else "")

    def _add_metric(
        self, spec: Any, config: Any, kind: MetricClass, options: dict[str, Any], view: ViewSpec
    ) -> list[MetricKey]:
        """The metric of a configuration, for each part of the classes and each average over them; their keys."""
        options = dict(options)
        name = options.pop("name", kind.name)
        if kind.labels and not view.label_key:
            self.problems.append(f"metric {config.class_name} needs labels, but the model_spec names no label_key")
            return []
        key = MetricKey(name, view.model, self._output_name(view), example_weighted=bool(view.weight_key))
        build = _Part(kind, options, key, view, self._baseline_view(kind, view))
        if kind.models and (self.baseline is None or view.model == self.baseline):
            if self.baseline is None:
                self.problems.append(f"metric {config.class_name} compares with a baseline, and no model is one")
            return []
        if not kind.sub_keys or not (spec.HasField("binarize") or spec.HasField("aggregate")):
            return self._keep([partial(build.metric, None)])
        makers: list[Callable[[], Metric | Average]] = [partial(build.metric, key) for key in _sub_keys(spec.binarize)]
        if spec.HasField("aggregate"):
            best = list(spec.aggregate.top_k_list.values) or [None]
            makers += [partial(build.average, spec.aggregate, top_k) for top_k in best]
        return self._keep(makers)

    def _keep(self, makers: Sequence[Callable[[], Metric | Average]]) -> list[MetricKey]:
        keys = []
        for make in makers:
            try:
                metric = make()
            except (UsageError, TypeError) as error:
                self.problems.append(str(error))
                continue
            self.metrics.append(metric)
            keys.append(metric.key)
        return keys

    def _output_name(self, view: ViewSpec) -> str:
        spec = self.specs[view.model]
        return "" if view.output == spec.prediction_key else view.output

    def _baseline_view(self, kind: MetricClass, view: ViewSpec) -> ViewSpec | None:
        return replace(view, model=self.baseline) if kind.models and self.baseline is not None else None

    def _add_thresholds(self, key: MetricKey, config: Any) -> None:
        if config.HasField("threshold"):
            self._add_threshold(key, None, config.threshold)
        for entry in config.per_slice_thresholds:
            for spec in entry.slicing_specs:
                self._add_threshold(key, _slice_of(spec), entry.threshold)

    def _add_named_thresholds(self, spec: Any, keys: Mapping[str, MetricKey]) -> None:
        wanted: list[tuple[str, SliceSpec | None, Any]] = [(name, None, t) for name, t in spec.thresholds.items()]
        wanted += [
            (name, _slice_of(part), entry.threshold)
            for name, entries in spec.per_slice_thresholds.items()
            for entry in entries.thresholds
            for part in entry.slicing_specs
        ]
        for name, slices, threshold in wanted:
            if name not in keys:
                self.problems.append(f"a threshold for {name!r}, but no metric of that name is computed")
            else:
                self._add_threshold(keys[name], slices, threshold)

    def _add_threshold(self, key: MetricKey, slices: SliceSpec | None, threshold: Any) -> None:
        if key.model_name == self.baseline and self.baseline is not None:
            return
        if threshold.HasField("value_threshold"):
            bound = threshold.value_threshold
            self.thresholds.append(Threshold(key, slices, _number(bound, "lower_bound"), _number(bound, "upper_bound")))
        if threshold.HasField("change_threshold"):
            bound = threshold.change_threshold
            if self.baseline is None:
                self.problems.append(f"a change threshold for {key.name!r} needs a baseline model")
            if bound.direction == protos.UNKNOWN:
                self.problems.append(f"the change threshold for {key.name!r} needs a direction")
            self.thresholds.append(
                Threshold(
                    key.diff(), slices, None, None, _number(bound, "absolute"), _number(bound, "relative"),
                    bound.direction == protos.HIGHER_IS_BETTER,
                )
            )  # fmt: skip


def _number(message: Any, field: str) -> float | None:
    return float(getattr(message, field).value) if message.HasField(field) else None


def _sub_keys(binarize: Any) -> list[SubKey]:
    return [
        *(SubKey(class_id=i) for i in binarize.class_ids.values),
        *(SubKey(k=k) for k in binarize.k_list.values),
        *(SubKey(top_k=k) for k in binarize.top_k_list.values),
    ]


class _Part:
    """Builds one metric for parts of the classes and for averages over them."""

    def __init__(
        self, kind: MetricClass, options: dict[str, Any], key: MetricKey, view: ViewSpec, baseline: ViewSpec | None
    ) -> None:
        self.kind, self.options, self.key, self.view = kind, options, key, view
        self.extra = {} if baseline is None else {"baseline": baseline}

    def metric(self, sub_key: SubKey | None, **view: Any) -> Metric:
        recipe = self.kind.build(replace(self.view, sub_key=sub_key, **view), **self.extra, **self.options)
        own = {k: self.options[k] for k in ("top_k", "class_id") if k in self.options}
        sub_key = replace(sub_key or SubKey(), **own) if own else sub_key
        return Metric(replace(self.key, sub_key=sub_key), recipe, self.kind.plot)

    def average(self, aggregate: Any, top_k: int | None) -> Metric | Average:
        kind = aggregate.WhichOneof("type") or "micro_average"
        class_weights = tuple(sorted(aggregate.class_weights.items()))
        sub_key = None if top_k is None else SubKey(top_k=top_k)
        if kind == "micro_average":
            metric = self.metric(sub_key, averaged=True, class_weights=class_weights)
            return replace(metric, key=replace(metric.key, aggregation=kind))
        if top_k is None and not class_weights:
            raise UsageError(f"{kind} over all classes needs class_weights")
        classes = [SubKey(k=k + 1) for k in range(top_k or 0)] or [SubKey(class_id=i) for i, _ in class_weights]
        weights = (1.0,) * top_k if top_k else tuple(weight for _, weight in class_weights)
        labels = Sums(replace(self.view, sub_key=None), means.label_sums) if kind == "weighted_macro_average" else None
        parts = tuple(self.metric(part) for part in classes)
        aggregation = "macro_average"  # TFMA gives both macro averages this name
        return Average(replace(self.key, sub_key=sub_key, aggregation=aggregation), parts, weights, labels)
