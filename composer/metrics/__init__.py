"""Metrics: pure functions, each with its definition and source."""
