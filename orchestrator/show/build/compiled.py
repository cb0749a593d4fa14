"""How Jinja2 turns the shipped templates into Python, at half the cost: what they show is cleaned and escaped in one step that remembers short
texts, and what they call is called directly. Pure.

Only for templates that come with the product: none of what they call asks for Jinja2's context, and none of them switches escaping off. A working
folder's own run in Jinja2's sandbox, as Jinja2 makes them.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import Markup, escape

SHORT = 200
"""Characters of a text that is remembered: words, names, paths and numbers, which stand on a page many times."""


class Quick(CodeGenerator):
    """`written` stands for `escape(environment.finalize(…))`, and `f(…)` for `context.call(f, …)`."""

    def write_commons(self) -> None:
        super().write_commons()
        self.writeline("written = environment.written")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write("written(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(")")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        if forward_caller or node.dyn_args or node.dyn_kwargs:
            super().visit_Call(node, frame, forward_caller)
            return
        self.visit(node.node, frame)
        self.write("(")
        for argument in node.args:
            self.visit(argument, frame)
            self.write(", ")
        for keyword in node.kwargs:
            self.visit(keyword, frame)
            self.write(", ")
        self.write(")")


class Quickly(Environment):
    """An environment whose templates are compiled so. Always with autoescape and `finalize`."""

    code_generator_class = Quick

    def __init__(self, *, finalize: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(finalize=finalize, **options)
        self.written = writer(finalize)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """One dict, where Jinja2 has two in a chain: it is copied for every page."""
        return {**self.globals, **(d or {})}


def writer(finalize: Callable[[Any], Any]) -> Callable[[Any], str]:
    """What stands on a page for a value."""

    @lru_cache(maxsize=8192)
    def remembered(text: str) -> str:
        return str(escape(finalize(text)))

    def written(value: Any) -> str:
        kind = type(value)
        if kind is str and len(value) <= SHORT:
            return remembered(value)
        return value if kind is Markup else escape(finalize(value))

    return written
