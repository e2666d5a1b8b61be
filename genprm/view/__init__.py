"""Transcripts of verifications as a page for people."""
