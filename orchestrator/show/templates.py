"""Templates of pages: a working folder's own first, then the shipped ones, which are there as `shipped/<name>` too. Pure.

What is shown is escaped wherever the template is from; only a template that says `|safe`, or switches escaping off, shows text as it is. A template
of one's own that cannot be used costs nothing: its page is made by the shipped one, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from orchestrator.show.text import clean

if TYPE_CHECKING:
    from jinja2 import Environment


class Template(NamedTuple):
    path: str
    """As messages name it."""
    text: str


class Templates(NamedTuple):
    """The environments of one build."""

    env: Environment
    shipped: Environment
    """Without the folder's own; the same one where it has none."""
    own: Mapping[str, Template]
    problems: list[str]
    """What was wrong with the folder's own, each once, in the order met."""

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        try:
            return self.env.get_template(name).render(values)
        except Exception as error:
            if not self.own:
                raise
            page = self.shipped.get_template(name).render(values)
            problem = f"{_where(error, self.own)}: {_what(error)}"
            if problem not in self.problems:
                self.problems.append(problem)
            return str(_NOTE.format(problem)) + page


_NOTE = Markup(
    '<div class="page"><div class="note tone-wait"><p><b>A template of this folder could not be used.</b> {}. '
    "This page is made by the shipped one.</p></div></div>\n"
)


def loaded(shipped: Mapping[str, str], own: Mapping[str, Template], setup: Mapping[str, Any]) -> Templates:
    """`shipped`: name → text. `setup`: `filters`, `globals` and `finalize` of the environments."""
    from jinja2 import ChoiceLoader, DictLoader, FunctionLoader, PrefixLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    from orchestrator.show.build.compiled import Quickly

    def find(name: str) -> tuple[str, str, Any] | None:
        return (own[name].text, own[name].path, None) if name in own else None

    def made(kind: type[Environment], loader: Any) -> Environment:
        env = kind(loader=loader, autoescape=True, undefined=StrictUndefined, finalize=setup["finalize"], trim_blocks=True, lstrip_blocks=True)
        env.filters.update(setup["filters"])
        env.globals.update(setup["globals"])
        return env

    theirs = DictLoader(shipped)
    plain = made(Quickly, ChoiceLoader([theirs, PrefixLoader({"shipped": theirs})]))
    if not own:
        return Templates(plain, plain, own, [])
    both = made(SandboxedEnvironment, ChoiceLoader([FunctionLoader(find), theirs, PrefixLoader({"shipped": theirs})]))
    return Templates(both, plain, own, [])


def _where(error: Exception, own: Mapping[str, Template]) -> str:
    """File and line in one of the folder's own; the file that is to blame is unknown where a shipped one broke because of it."""
    from jinja2 import TemplateSyntaxError

    paths = {template.path for template in own.values()}
    if isinstance(error, TemplateSyntaxError) and error.filename in paths:
        return f"{error.filename}:{error.lineno}"
    found = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in paths:
            found = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found or " or ".join(sorted(paths))


def _what(error: Exception) -> str:
    from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

    said = " ".join(clean(str(error)).split())[:300]
    match error:
        case TemplateSyntaxError():
            return f"it is no template: {' '.join(clean(error.message or '').split())[:300]}"
        case TemplateNotFound():
            return f"there is no template `{said}`; the shipped ones are `shipped/<name>.html`"
        case UndefinedError():
            return f"{said}; compare it with the shipped template of that name"
    return f"{type(error).__name__}: {said}; compare it with the shipped template of that name"
