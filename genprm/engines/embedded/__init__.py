"""The engine that runs inside this process on transformers, its batches, caches and copies."""
