"""Stands in for inspect_ai."""
