"""Real models as code: each module holds builders of one family (they need TensorFlow and Keras 3)."""
