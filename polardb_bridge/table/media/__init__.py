"""Sounds, videos, texts and PDF documents out of rows: what they are, and where their parts are."""
