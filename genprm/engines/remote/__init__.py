"""Engines that batch by themselves: vLLM in this program, and completion servers."""
