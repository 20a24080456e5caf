"""File formats, each readable and writable on its own."""
