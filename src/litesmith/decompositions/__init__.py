"""Compound operations said in LiteRT built-ins, written once against the builder for every frontend."""
