"""Rewards for policies: what a judged solution is worth to the model that wrote it, for six training frameworks."""
