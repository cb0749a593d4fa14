"""`api/v1/`, its schemas and feeds, and the page about them: what programs read."""
