"""What runs inside the sandbox: the zygote and the sessions forked from it.

These modules use only the standard library and are loaded by path into an isolated interpreter, so that nothing of
the project is in the memory of the process that runs model-written code.
"""
