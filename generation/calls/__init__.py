"""Calls for a video from this process: what Python callers and manage.py generate share.

In reading order: asking, making, waiting, giving; python holds the functions that `from generation import …` gives.
"""
