"""What the commands print, and what a run shows while it works."""
