"""Recurrent layers: one description, made by every way in, and the forms that compute it."""

from litesmith._util.rnn_forms import FORMS
from litesmith.decompositions.recurrent.adapters import keras_lstm, units_of
from litesmith.decompositions.recurrent.choice import Choice, choose
from litesmith.decompositions.recurrent.description import GATES, LSTM, NORM_EPSILON, SIMPLE, RecurrentLayer, Results
from litesmith.decompositions.recurrent.fused import fuse, fuse_pair, make_a_pair, obstacle
from litesmith.decompositions.recurrent.loop import as_loop

__all__ = [
    "FORMS",
    "GATES",
    "LSTM",
    "NORM_EPSILON",
    "SIMPLE",
    "Choice",
    "RecurrentLayer",
    "Results",
    "as_loop",
    "choose",
    "fuse",
    "fuse_pair",
    "keras_lstm",
    "make_a_pair",
    "obstacle",
    "units_of",
]
