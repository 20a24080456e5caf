"""Judging a model: what is in it, what it costs, and what it runs on. One report, several renderers."""

from litesmith.analyze.analysis import analyze_file, analyze_program
from litesmith.analyze.report import Report

__all__ = ["Report", "analyze_file", "analyze_program"]
