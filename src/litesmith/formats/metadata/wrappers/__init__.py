"""Wrappers: source text that runs a model as its metadata say, in several languages."""

from litesmith.formats.metadata.wrappers.languages import LANGUAGES
from litesmith.formats.metadata.wrappers.plan import Plan, plan_wrapper
from litesmith.formats.metadata.wrappers.rendering import render

__all__ = ["LANGUAGES", "Plan", "plan_wrapper", "render"]
