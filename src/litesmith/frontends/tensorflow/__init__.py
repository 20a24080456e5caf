"""The TensorFlow importer: SavedModels, concrete functions and frozen graphs, without TensorFlow."""
