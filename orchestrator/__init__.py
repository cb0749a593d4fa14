"""A TDD orchestrator: PRDs in, proved code and a site out. "Done" is derived from what the orchestrator itself ran.

The package in the order data flows:

    inbox/     files → Prd            folder, markdown, console fences, call tables; problems with lines
    plan/      Prd → Plan             outline decomposer, graph, held-out choice
    run/       Task → CycleResult     the cycle, its gates, the oracle, sandboxes, agents, git integration
    save/      results → disk         SQLite store, journal, JSON reports, artifacts
    show/      reports → site         Jinja2 pages in a MkDocs Material shell

`pipeline.py` is the only place that knows the order; `cli.py` parses flags and prints.
"""

__version__ = "0.1.0"
