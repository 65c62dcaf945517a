"""Evaluation: retrieval in both directions, minimal pairs, and whether interactions point at the right seconds."""
