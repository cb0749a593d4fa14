"""One site over several installations: what is asked, read and shown of them."""
