"""Benchmarks and own data, down to videos, texts and which belong together."""
