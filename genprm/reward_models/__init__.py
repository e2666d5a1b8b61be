"""Every model that scores the steps of a solution, behind one interface (`base`).

A model is one file here, or in any installed package, that registers itself (`registry`): how it is opened, and
under which names its weights are published. What needs torch is in `networks`, imported when a model is opened.
"""
