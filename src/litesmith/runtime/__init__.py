"""The thin layer over the LiteRT interpreter (imported when first used): run, compare, verify, measure."""

from litesmith.runtime.compare import Comparison, compare, compare_outputs, comparison_table
from litesmith.runtime.inputs import random_inputs
from litesmith.runtime.measure import Measurement, measure
from litesmith.runtime.model_file import ModelFacts, SignatureInfo, TensorInfo
from litesmith.runtime.reference import Record, Reference
from litesmith.runtime.report import MadeUp, VerificationReport
from litesmith.runtime.runner import Runner
from litesmith.runtime.verify import verify

__all__ = [
    "Comparison",
    "MadeUp",
    "Measurement",
    "ModelFacts",
    "Record",
    "Reference",
    "Runner",
    "SignatureInfo",
    "TensorInfo",
    "VerificationReport",
    "compare",
    "compare_outputs",
    "comparison_table",
    "measure",
    "random_inputs",
    "verify",
]
