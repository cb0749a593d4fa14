"""What is read elsewhere: notifications, the text of a request, the summary of a CI job, metrics. Pure."""
