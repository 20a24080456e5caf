"""The generated documentation says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from litesmith.frontends.tensorflow.lowering import LOWERINGS
from litesmith.frontends.tensorflow.refused import REFUSED
from litesmith.ops import OPS
from tools import docs
from tools.lowering_facts import facts_of

ROOT = Path(docs.ROOT)


@pytest.mark.parametrize("path", docs.PAGES, ids=lambda path: path.name)
def test_page_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == docs.PAGES[path](), "out of date: run make docs"


def test_a_stale_page_is_found(monkeypatch):
    from litesmith.frontends.tensorflow import refused

    changed = {**REFUSED, "Frobnicate": ("it frobs", "do not")}
    monkeypatch.setattr(docs, "TF_REFUSED", changed)
    assert refused.REFUSED is REFUSED
    assert "docs/tensorflow-ops.md" in docs.stale()


def test_readme_without_a_block_is_an_error():
    with pytest.raises(ValueError, match="no block 'what-converts'"):
        docs.with_blocks("# a text")


def test_every_operator_is_listed_once():
    page = docs.operators_page()
    assert {name: page.count(f"\n| `{name}` |") for name in OPS} == dict.fromkeys(OPS, 1)


def test_every_lowering_and_refusal_is_listed():
    page = docs.tensorflow_page()
    assert not [name for name in {**LOWERINGS, **REFUSED} if f"`{name}`" not in page]


FACTS = {
    "Neg": ({"NEG"}, set()),
    "Less": ({"LESS"}, set()),
    "Max": ({"REDUCE_MAX"}, {"shapes.cast"}),
    "MaxPool": ({"MAX_POOL_2D"}, {"padding.pad"}),
    "BitwiseAnd": (set(), {"integers.bit_and"}),
    "StatelessWhile": ({"WHILE"}, set()),
    "Erf": (set(), {"special.erf"}),
}


@pytest.mark.parametrize("op", FACTS)
def test_facts_of_lowerings(op):
    facts = facts_of(LOWERINGS[op])
    builtins, decompositions = FACTS[op]
    assert builtins <= facts.builtins
    assert decompositions <= set(facts.decompositions)


def test_refusals_are_read_with_what_is_filled_in():
    assert "data format … is not supported" in facts_of(LOWERINGS["MaxPool"]).refusals


LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
CODE = re.compile(r"^ {4}[^\n]*$|^```.*?^```$|`[^`]*`", re.MULTILINE | re.DOTALL)


TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    missing = [
        link
        for link in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8")))
        if "://" not in link and not (path.parent / link).exists()
    ]
    assert not missing
