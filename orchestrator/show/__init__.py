"""Reports → static site: gather, then write.

    gather.py   reads runs/**: reports, JUnit XML, artifacts; what cannot be read is a value, never a crash
    pages.py    pure: reports → HTML bodies, through Jinja2 templates with autoescape
    history.py    pure: a run's digest, lists of runs, and who gave the answers
    summary.py    pure: a project's report and digests → what pages of the whole site need to know
    words.py    every state, verdict and proof level: its symbol, its tone, its sentence
    text.py     untrusted text → what may be shown: terminal output, code, diffs, Markdown prose
    svg.py      pure: task graph, proof bar, strip of runs; charts.py: what changes over time
    measured.py   pure: the few figures of a run that trends need, added up by day; unstable.py the same for tests that gave different results
    trends.py  limits.py  flaky.py  compare.py   pure: pages over time
    addresses.py  where each page lives, links between pages, and the tabs
    shell.py    MkDocs Material builds the chrome once; its shell is split on markers, with a content security policy
    search.py   the search index
    parts.py    what the site is made of: a function for each part
    builder.py  the engine: what a part is, shells, writing
    manifest.py   what is there: keys, files, what a killed build left behind
    seen.py       what report files held when they were last read, by their stat
    workers.py    several processes that render runs
    site.py     build()

A page shows verdicts and states as they stand in the reports and computes none of its own.
"""
