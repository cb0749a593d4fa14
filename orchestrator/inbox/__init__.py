"""Files → Prd. The parser is pure: text in, a Prd and problems out, and every value knows its line.

folder          the PRD folder → PRDs, files, problems; the only module here that touches the disk (besides `watch`)
markdown        one text → Prd, put together from the parts below
frontmatter     the YAML between the first two `---`
blocks          Markdown → a tree of blocks with lines
outline         blocks → sections: which headings are requirements, what is context
criteria        the blocks of a requirement → criteria and the blocks that hold their examples
doctests, tables, console     blocks → examples
modules         which file a requirement is about
contradictions  the same call with two answers
"""
