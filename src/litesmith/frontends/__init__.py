"""Importers: from the graphs of other frameworks to the IR."""
