"""Names and texts of metadata as identifiers, literals and comments of a programming language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_PYTHON = (
    "False None True and as assert async await break class continue def del elif else except finally for from global if "
    "import in is lambda nonlocal not or pass raise return try while with yield self np os zipfile run list tuple"
)
_JAVA = (
    "abstract assert boolean break byte case catch char class const continue default do double else enum extends final "
    "finally float for goto if implements import instanceof int interface long native new package private protected public "
    "return short static strictfp super switch synchronized this throw throws transient try void volatile while true false "
    "null var record yield close run getClass notify notifyAll wait toString hashCode"
)
_KOTLIN = (
    "as break class continue do else false for fun if in interface is null object package return super this throw true try "
    "typealias typeof val var when close run toString hashCode equals"
)
_SWIFT = (
    "associatedtype class deinit enum extension fileprivate func import init inout internal let open operator private "
    "precedencegroup protocol public rethrows static struct subscript typealias var break case catch continue default defer "
    "do else fallthrough for guard if in repeat return throw switch where while as false is nil self super throws true try "
    "Any Type run"
)
_LOCALS = "inputs model rows row found interpreter"
"""Names that the templates use themselves."""

RESERVED = {
    language: frozenset(f"{words} {_LOCALS}".split())
    for language, words in (("python", _PYTHON), ("java", _JAVA), ("kotlin", _KOTLIN), ("swift", _SWIFT))
}
"""Words that cannot be the name of a parameter or field, by language."""


def words_of(name: str) -> list[str]:
    """The words in a name, in ASCII letters and digits."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[a-z]*", plain)


def snake_case(name: str) -> str:
    """``number of detections`` as ``number_of_detections``."""
    return "_".join(word.lower() for word in words_of(name))


def pascal_case(name: str) -> str:
    """``number of detections`` as ``NumberOfDetections``."""
    return "".join(word[0].upper() + word[1:] for word in words_of(name))


def camel_case(name: str) -> str:
    """``number of detections`` as ``numberOfDetections``."""
    first, rest = (words_of(name) or [""])[0], words_of(name)[1:]
    return first.lower() + pascal_case(" ".join(rest))


def identifiers(names: Iterable[str], language: str, what: str) -> list[str]:
    """An identifier for each name, all different. what: what they are called that have no letters in their names."""
    shape = snake_case if language == "python" else camel_case
    taken: list[str] = []
    for place, name in enumerate(names):
        plain = shape(name)
        if not plain or plain[0].isdigit():
            plain = shape(f"{what} {name if plain else place}")
        if plain in RESERVED[language]:
            plain += "_" if language == "python" else "Value"
        choices = (plain if number < 2 else f"{plain}{number}" for number in range(1, len(taken) + 3))
        taken.append(next(choice for choice in choices if choice not in taken))
    return taken


def text_literal(text: str, language: str) -> str:
    """A string literal, in ASCII."""
    return '"' + "".join(_escape(character, language) for character in text) + '"'


def _escape(character: str, language: str) -> str:
    if character in '"\\' or (character == "$" and language == "kotlin"):
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    number = ord(character)
    if language == "swift":
        return f"\\u{{{number:x}}}" if not 0xD800 <= number < 0xE000 else "?"
    if language == "python":
        return f"\\U{number:08x}"
    units = character.encode("utf-16-be", "surrogatepass")
    codes = [units[i] * 256 + units[i + 1] for i in range(0, len(units), 2)]
    return "".join(_JAVA_ESCAPES.get(code, f"\\u{code:04x}") for code in codes)


_JAVA_ESCAPES = {10: "\\n", 13: "\\r"}
"""Java reads the others before it looks for the ends of lines."""


def comment_text(text: str) -> str:
    """Text that ends no comment or docstring it stands in, on one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line.replace("\\", "/").replace('"""', "'''").replace("*/", "* /").replace("/*", "/ *").rstrip('"')
