"""Sections of the configuration by topic, each with its defaults and their reasons; config.py puts them together with those that are its own."""
