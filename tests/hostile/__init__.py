"""Mails written to break a gateway, named after what they attack. `python -m tests.hostile DIR` writes them to files."""
