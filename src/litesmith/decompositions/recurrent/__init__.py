"""Recurrent layers: one description, made by every way in, and the forms that compute it."""

from litesmith.decompositions.recurrent.choice import FORMS, Choice, choose
from litesmith.decompositions.recurrent.description import GATES, LSTM, SIMPLE, RecurrentLayer, Results
from litesmith.decompositions.recurrent.fused import fused, fused_pair, make_a_pair, obstacle

__all__ = [
    "FORMS",
    "GATES",
    "LSTM",
    "SIMPLE",
    "Choice",
    "RecurrentLayer",
    "Results",
    "choose",
    "fused",
    "fused_pair",
    "make_a_pair",
    "obstacle",
]
