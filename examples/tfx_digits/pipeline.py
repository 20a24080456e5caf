"""A TFX pipeline on scikit-learn's digits: one training, a SavedModel and LiteRT models, evaluated and compared.

    python examples/tfx_digits/pipeline.py [DIRECTORY]

ImportExampleGen, ImportSchemaGen, Transform, Trainer (exports the Keras SavedModel, and with litesmith's rewriter a float
and an int8 .tflite), an Evaluator for the SavedModel, one for the int8 model, one that compares both, and a Pusher that
pushes only what the comparison has blessed. See docs/tfx.md for the environment.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tfx  # noqa: F401  # before anything else of TFX's world
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as T  # noqa: N812

from litesmith.data.examples import serialize_example
from litesmith.data.tfrecord import write_records

HERE = Path(__file__).resolve().parent
SCHEMA = """
feature { name: "image" type: FLOAT presence { min_fraction: 1.0 } shape { dim { size: 64 } } }
feature { name: "label" type: INT presence { min_fraction: 1.0 } shape { dim { size: 1 } } }
"""
METRICS = """
slicing_specs {} slicing_specs { feature_keys: "label" }
metrics_specs {
  metrics { class_name: "ExampleCount" }
  metrics { class_name: "SparseCategoricalAccuracy" %s }
  metrics { class_name: "SparseCategoricalCrossentropy" }
}
"""
FLOOR = "per_slice_thresholds { slicing_specs {} threshold { value_threshold { lower_bound { value: 0.8 } } } }"
CHANGE = """per_slice_thresholds { slicing_specs {} threshold {
  value_threshold { lower_bound { value: 0.8 } }
  change_threshold { direction: HIGHER_IS_BETTER absolute { value: -0.02 } } } }"""
SAVED_MODEL = 'model_specs { name: "%s" signature_name: "serving_default" label_key: "label" %s }'
LITE = 'model_specs { name: "%s" model_type: "tf_lite" label_key: "label" }'


def write_data(directory: Path) -> None:
    """The digits as TFRecords of two splits."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for split, rows in (("train", slice(0, 1400)), ("eval", slice(1400, None))):
        directory.joinpath(split).mkdir(parents=True)
        with (directory / split / "digits.tfrecord").open("wb") as file:
            write_records(file, _records(digits.data[rows], digits.target[rows]))


def _records(images: Any, labels: Any) -> Iterable[bytes]:
    for image, label in zip(images, labels, strict=True):
        yield serialize_example({"image": np.float32(image), "label": int(label)})


def create_pipeline(root: Path, beam_args: list[str] | None = None) -> Any:
    """The pipeline; data, metadata and artifacts lie under root."""
    data, schema = root / "data", root / "schema.pbtxt"
    write_data(data)
    schema.write_text(SCHEMA)
    splits = T.proto.Input(splits=[
        T.proto.Input.Split(name="train", pattern="train/*"),
        T.proto.Input.Split(name="eval", pattern="eval/*"),
    ])  # fmt: skip
    examples = T.components.ImportExampleGen(input_base=str(data), input_config=splits)
    schemas = T.components.ImportSchemaGen(schema_file=str(schema))
    module = str(HERE / "modules" / "digits.py")
    transform = T.components.Transform(
        examples=examples.outputs["examples"], schema=schemas.outputs["schema"], module_file=module
    )
    trainer = T.components.Trainer(
        module_file=module,
        examples=examples.outputs["examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schemas.outputs["schema"],
        train_args=T.proto.TrainArgs(num_steps=150),
        eval_args=T.proto.EvalArgs(num_steps=5),
    )
    model = trainer.outputs["model"]
    evaluators = [
        _evaluator("saved_model", examples, model, SAVED_MODEL % ("", "") + METRICS % FLOOR),
        _evaluator("lite", examples, model, LITE % "" + METRICS % FLOOR),
        _evaluator(
            "comparison", examples, model,
            LITE % "candidate" + SAVED_MODEL % ("baseline", "is_baseline: true") + METRICS % CHANGE,
            baseline_model=model, module_path="litesmith.tfx.evaluator",
        ),
    ]  # fmt: skip
    pusher = T.components.Pusher(
        model=model,
        model_blessing=evaluators[-1].outputs["blessing"],
        push_destination=T.proto.PushDestination(
            filesystem=T.proto.PushDestination.Filesystem(base_directory=str(root / "pushed"))
        ),
    )
    return T.dsl.Pipeline(
        pipeline_name="digits",
        pipeline_root=str(root / "artifacts"),
        components=[examples, schemas, transform, trainer, *evaluators, pusher],
        metadata_connection_config=T.orchestration.metadata.sqlite_metadata_connection_config(str(root / "metadata.db")),
        beam_pipeline_args=beam_args or ["--runner=DirectRunner", "--direct_running_mode=in_memory"],
        enable_cache=False,
    )


def _evaluator(name: str, examples: Any, model: Any, config: str, **options: Any) -> Any:
    return T.components.Evaluator(
        examples=examples.outputs["examples"], model=model,
        eval_config=text_format.Parse(config, config_pb2.EvalConfig()), **options,
    ).with_id(f"Evaluator.{name}")  # fmt: skip


def run(root: Path) -> dict[str, Any]:
    """Run the pipeline; what it left, for a look and for the tests."""
    T.orchestration.LocalDagRunner().run(create_pipeline(root))
    found = {
        path.parents[2].name.removeprefix("Evaluator."): path.name
        for path in root.glob("artifacts/Evaluator.*/blessing/*/*BLESSED")
    }
    return {
        "blessings": found,
        "evaluations": sorted(root.glob("artifacts/Evaluator.*/evaluation/*")),
        "model": next(root.glob("artifacts/Trainer/model/*/Format-Serving")),
        "pushed": sorted(root.glob("pushed/*")),
    }


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="tfx-digits-")).absolute()
    result = run(root)
    for name, verdict in result["blessings"].items():
        print(f"{name}: {verdict}")
    for file in sorted(p for p in result["model"].rglob("*tflite")):
        print(f"{file.relative_to(result['model'])}: {file.stat().st_size} bytes")
    print(f"pushed: {', '.join(map(str, result['pushed'])) or 'nothing'}")


if __name__ == "__main__":
    main()
