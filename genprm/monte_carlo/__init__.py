"""Monte-Carlo estimation (paper 4.2, eq. 9): how often each step still leads to the answer.

`rollouts` draws and grades completions, `stopping` decides when a step has enough of them, `estimation` combines
the two for the steps of a solution.
"""

from genprm.monte_carlo.estimation import score_steps
from genprm.monte_carlo.rollouts import rollouts_for

__all__ = ["rollouts_for", "score_steps"]
