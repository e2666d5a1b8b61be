"""How the miniature's small models are made: documents, network, training stages, measurement."""
