"""The guide of the site, and the pages of the documentation that the code writes."""
