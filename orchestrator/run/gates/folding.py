"""What a constant expression comes to, without running it: literals, and what pure functions of text and bytes make of them. Pure.

Everything is bounded: an operand or a result larger than `LIMIT` is not a constant.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from orchestrator.run.gates.scan_names import words

LIMIT = 20_000
"""Characters, bytes or items."""

DECODERS: dict[str, Callable[..., Any]] = {
    "base64.b64decode": base64.b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.unhexlify,
    "binascii.a2b_base64": binascii.a2b_base64,
    "builtins.bytes.fromhex": bytes.fromhex,
    "builtins.bytearray.fromhex": bytes.fromhex,
    "codecs.decode": lambda data, name="utf-8": codecs.decode(data, name) if str(name).lower() in _CODECS else _no(name),
    "zlib.decompress": lambda data: _bounded(zlib.decompressobj(), data),
    "bz2.decompress": lambda data: _bounded(bz2.BZ2Decompressor(), data),
    "lzma.decompress": lambda data: _bounded(lzma.LZMADecompressor(), data),
}
"""Functions that turn unreadable constants into readable ones."""

_CODECS: set[str] = {"utf-8", "utf8", "ascii", "latin-1", "rot13", "rot_13", "hex", "base64"}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **DECODERS,
    "builtins.chr": chr,
    "builtins.ord": ord,
    "builtins.str": str,
    "builtins.int": int,
    "builtins.bytes": lambda value=b"": bytes(value) if isinstance(value, (bytes, list, tuple)) else _no(value),
    "builtins.bytearray": lambda value=b"": bytes(value) if isinstance(value, (bytes, list, tuple)) else _no(value),
    "builtins.tuple": tuple,
    "builtins.list": lambda value=(): tuple(value),
    "builtins.reversed": lambda value: tuple(reversed(value)),
    "builtins.len": len,
    "builtins.bool": bool,
    "builtins.abs": abs,
    "base64.b64encode": base64.b64encode,
}
METHODS = words(
    "join replace lower upper title capitalize casefold swapcase strip lstrip rstrip removeprefix removesuffix encode decode hex format split"
)
"""Methods of str and bytes; `translate` and the like are left alone."""


def call(name: str, arguments: tuple[Any, ...]) -> Any:
    """The answer of a pure function. Raises any exception where there is none."""
    _small(arguments)
    return _small(FUNCTIONS[name](*arguments))


def method(value: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    """The answer of a method of text or bytes."""
    _small((value, *arguments))
    if not isinstance(value, (str, bytes)) or name not in METHODS:
        return _no(name)
    if name == "format" and (":" in str(value) or "." in str(value) or "[" in str(value)):
        return _no(name)
    if name == "decode" and arguments and str(arguments[0]).lower() not in _CODECS:
        return _no(name)
    if name == "replace" and len(value) * max(1, len(arguments[1])) > LIMIT:
        return _no(name)
    return _small(getattr(value, name)(*arguments))


def binary(operator: str, left: Any, right: Any) -> Any:
    """`left operator right` for numbers, text, bytes and tuples."""
    _small((left, right))
    plain = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if operator == "Add" and (plain or type(left) is type(right)):
        return _small(left + right)
    if operator == "Sub" and plain:
        return left - right
    if operator == "Mult":
        for value, times in ((left, right), (right, left)):
            if isinstance(value, (str, bytes, tuple)) and isinstance(times, int) and len(value) * times <= LIMIT:
                return value * times
        if plain and abs(left) < 1 << 64 and abs(right) < 1 << 64:
            return left * right
    if operator == "Mod":
        if plain and right:
            return left % right
        if isinstance(left, str) and not any(letter in left for letter in "*0123456789."):
            return _small(left % right)
    if operator == "BitXor" and plain:
        return left ^ right
    return _no(operator)


def _bounded(decompressor: Any, data: bytes) -> bytes:
    return bytes(decompressor.decompress(data, LIMIT))


def _small(value: Any) -> Any:
    if isinstance(value, (str, bytes, tuple)) and len(value) > LIMIT:
        raise ValueError("too large")
    if isinstance(value, int) and abs(value) >= 1 << 128:
        raise ValueError("too large")
    return value


def _no(what: object) -> Any:
    raise ValueError(f"not a constant: {what}")
