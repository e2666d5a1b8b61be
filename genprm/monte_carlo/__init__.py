"""Monte-Carlo estimation (paper 4.2, eq. 9): how often each step still leads to the answer.

`rollouts` draws and grades completions, `stopping` says when a step has had enough of them, `estimation` puts the
two together for the steps of a solution.
"""

from genprm.monte_carlo.estimation import score_steps
from genprm.monte_carlo.rollouts import rollouts_for

__all__ = ["rollouts_for", "score_steps"]
