"""Side-by-side measurements of litesmith and the official converter."""
