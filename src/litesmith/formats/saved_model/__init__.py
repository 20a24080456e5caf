"""SavedModels, checkpoints and frozen graphs, read without TensorFlow.

model = SavedModel.open("dir")
model.signatures, model.graph_def, model.functions, model.variable_array("dense/kernel")
"""

from litesmith.formats.saved_model.assets import Asset
from litesmith.formats.saved_model.checkpoint import Checkpoint, TensorEntry
from litesmith.formats.saved_model.graph_def import read_graph_def
from litesmith.formats.saved_model.object_graph import Capture
from litesmith.formats.saved_model.reader import SavedModel
from litesmith.formats.saved_model.signatures import Signature, SignatureTensor
from litesmith.formats.saved_model.summary import Summary
from litesmith.formats.saved_model.tensor_proto import to_array
from litesmith.formats.saved_model.variables import Variable

__all__ = [
    "Asset",
    "Capture",
    "Checkpoint",
    "SavedModel",
    "Signature",
    "SignatureTensor",
    "Summary",
    "TensorEntry",
    "Variable",
    "read_graph_def",
    "to_array",
]
