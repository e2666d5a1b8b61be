"""Engines that batch by themselves: vLLM in this process, and servers of completions."""
