"""`orchestrator site`: build, serve and check the static site, and say what its data looks like."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from orchestrator.errors import Exit, UsageError
from orchestrator.upkeep import opened

if TYPE_CHECKING:
    import argparse


def build(options: argparse.Namespace) -> Exit:
    from orchestrator.show import site

    root, config = opened(options)
    if options.from_:
        given = tuple(each if "://" in each else os.path.relpath(each, root) for each in options.from_)
        config = config.model_copy(update={"site": config.site.model_copy(update={"from_": given})})
    if options.public:
        config = config.model_copy(update={"site": config.site.model_copy(update={"public": True})})
    print(site.build(root, config))
    return Exit.DONE


def serve(options: argparse.Namespace) -> Exit:
    from orchestrator.show import site
    from orchestrator.show.build import serve

    root, config = opened(options)
    serve.serve(site.build(root, config).parent, options.port)
    return Exit.DONE


def check(options: argparse.Namespace) -> Exit:
    from orchestrator.show import addresses
    from orchestrator.show.build import soundness
    from orchestrator.show.console.terminal import safe

    root, config = opened(options)
    folder = config.folder(root, "site")
    if not (folder / addresses.OVERVIEW).is_file():
        raise UsageError(f"{folder} holds no site", hint="`orchestrator site build` makes it")
    found = list(soundness.faults(folder))
    for fault in found:
        print(safe(f"{fault.page}: {fault.what}"), file=sys.stderr)
    pages = sum(1 for _ in folder.rglob("*.html"))
    print(f"{pages} page{'s' * (pages != 1)}, {len(found) or 'nothing'} wrong")
    return Exit.TASK_FAILED if found else Exit.DONE


def schema(options: argparse.Namespace) -> Exit:
    import json

    from orchestrator.show.data_api.schemas import schema

    print(json.dumps(schema(), indent=2))
    return Exit.DONE
