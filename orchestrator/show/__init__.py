"""Reports → static site: gather, then write.

    site.py       build()
    gather.py     reads runs/**: reports, JUnit XML, artifacts; what cannot be read is a value, never a crash
    history.py    pure: a run's digest, lists of runs, and who gave the answers
    summary.py    pure: a project's report and digests → what pages of the whole site need to know
    public.py     pure: what a public site may show
    pages.py      pure: reports → HTML bodies, through Jinja2 templates (templates.py) with autoescape; with pages of their own:
                  requirements.py (reasons.py: why in a sentence), mutants.py, schedule.py
    words.py      every state, verdict and proof level: its symbol, its tone, its sentence; forecasts.py: forecasts in words
    text.py       untrusted text → what may be shown: code (colours.py), terminal output (ansi.py), diffs, Markdown prose
    addresses.py  where each page lives, links between pages, and the tabs

    figures/      pages over all runs: trends, limits, agents, flaky tests, two runs compared
    pictures/     inline SVG
    data_api/     what programs read: api/v1/, schemas, feeds
    manual/       the guide
    federation/   one site over several installations
    build/        parts, engine, chrome, search, check
    console/      what the commands print
    messages/     notifications, requests, the summary of a CI job, metrics

A page shows verdicts and states as they stand in the reports and computes none of its own.
"""
