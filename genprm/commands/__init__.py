"""The command line, one module per command. A command imports what it needs when it runs."""
