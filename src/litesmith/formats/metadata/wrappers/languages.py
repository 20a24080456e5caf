"""What differs between the languages of wrappers, but for the templates themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Language:
    """A language. suffix: of its files; arrays: type of a tensor's elements by what users see them as."""

    name: str
    suffix: str
    arrays: Mapping[str, str]
    image: str
    puts: Mapping[str, str] = field(default_factory=dict)
    gets: Mapping[str, str] = field(default_factory=dict)


LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(
            "python",
            ".py",
            {
                "float": "NDArray[np.float32]",
                "int": "NDArray[np.int32]",
                "long": "NDArray[np.int64]",
                "bool": "NDArray[np.bool_]",
                "string": "NDArray[np.object_]",
            },
            "ArrayLike",
        ),
        Language(
            "java",
            ".java",
            {"float": "float[]", "int": "int[]", "long": "long[]", "bool": "boolean[]"},
            "Bitmap",
            {
                "float32": "putFloat({v})",
                "int8": "put((byte) {v})",
                "uint8": "put((byte) {v})",
                "int16": "putShort((short) {v})",
                "int32": "putInt({v})",
                "int64": "putLong({v})",
                "bool": "put((byte) ({v} ? 1 : 0))",
            },
            {
                "float32": "getFloat()",
                "int8": "get()",
                "uint8": "get() & 0xff",
                "int16": "getShort()",
                "int32": "getInt()",
                "int64": "getLong()",
                "bool": "get() != 0",
            },
        ),
        Language(
            "kotlin",
            ".kt",
            {"float": "FloatArray", "int": "IntArray", "long": "LongArray", "bool": "BooleanArray"},
            "Bitmap",
            {
                "float32": "putFloat({v})",
                "int8": "put({v}.toByte())",
                "uint8": "put({v}.toByte())",
                "int16": "putShort({v}.toShort())",
                "int32": "putInt({v})",
                "int64": "putLong({v})",
                "bool": "put(if ({v}) 1.toByte() else 0.toByte())",
            },
            {
                "float32": "getFloat()",
                "int8": "get().toInt()",
                "uint8": "get().toInt() and 0xff",
                "int16": "getShort().toInt()",
                "int32": "getInt()",
                "int64": "getLong()",
                "bool": "get() != 0.toByte()",
            },
        ),
        Language(
            "swift",
            ".swift",
            {"float": "[Float]", "int": "[Int]", "long": "[Int64]", "bool": "[Bool]"},
            "CGImage",
            dict(
                float32="Float", int8="Int8", uint8="UInt8", int16="Int16", int32="Int32", int64="Int64", bool="Bool"
            ),
        ),
    )
}
