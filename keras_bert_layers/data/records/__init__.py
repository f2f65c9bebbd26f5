"""Pretraining examples on disk: a corpus of any size to records, and these to batches."""
