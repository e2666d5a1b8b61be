"""The engine that runs inside this process on transformers.

The path of a request, file by file:

1. `transformers.py`: `complete` tokenises the prompt and queues n samples; one background thread owns the model.
2. Where there are several copies, `genprm.engines.copies` stands in front of this engine: each copy is in a process
   of its own (`worker.py`), and `routing.py` sends a prompt to the copy that has read most of it before.
3. `batch.py`: before every step the thread lets waiting samples join the running batch. A joining prompt is looked
   up in the prefix cache (`prefixes.py`): what an earlier request read of it is copied, only the rest is computed.
4. `slots.py`: each sequence of the batch has a slot for its keys and values that begins at column 0. The attention
   function registered there lets every row write at its own length, so rows join and leave without padding.
5. `sampling.py`: from the logits of a step to the next token of each row, with random numbers that depend on the
   seed, the sample's index and its prompt alone.
6. `batch.py` again: a row that has met its end token, a stop string or its limit becomes a `Completion` and leaves;
   what it has read and written goes to the prefix cache, and the last row moves into its slot.
"""
