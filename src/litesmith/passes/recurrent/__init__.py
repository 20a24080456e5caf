"""Recurrent networks among the passes: loops are read, and take the form that was asked for."""
