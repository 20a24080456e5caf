"""Rewrites of the IR: a file for each pass, the driver that runs one, the pipeline that runs them all."""
