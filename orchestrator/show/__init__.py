"""Reports → static site: gather, then write.

    gather.py   reads runs/**: reports, JUnit XML, artifacts; what cannot be read is a value, never a crash
    pages.py    pure: reports → HTML bodies, through Jinja2 templates with autoescape
    history.py    pure: lists of runs, and who gave the answers
    words.py    every state, verdict and proof level: its symbol, its tone, its sentence
    text.py     untrusted text → what may be shown: terminal output, code, diffs, Markdown prose
    svg.py      pure: task graph, proof bar, strip of runs
    addresses.py  where each page lives, and links between pages
    shell.py    MkDocs Material builds the chrome once; its shell is split on markers, with a content security policy
    search.py   the search index
    site.py     build(), serve(), schema(): what changed is rendered, what is gone is removed

A page shows verdicts and states as they stand in the reports and computes none of its own.
"""
