"""Quantization side by side with the official converter and ai-edge-quantizer: ``python -m benchmarks.quantization``."""
