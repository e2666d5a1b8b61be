"""The devices that work runs on, and how much of their memory it takes: known before anything starts."""
