"""Recipes: one YAML file for each experiment, how it is read, and what is built from it."""
