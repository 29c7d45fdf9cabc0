"""Customers from a file: CSV or vCard, row by row, each made, changed, skipped or refused with its line and remedy."""
