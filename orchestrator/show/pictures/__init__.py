"""Inline SVG: task graphs, charts, lanes, moves, badges. Pure: values in, Markup out."""
