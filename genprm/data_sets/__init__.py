"""Data from outside: rows read and checked, problems, answer sets, ProcessBench, subsamples."""
