"""The other reward models and critics of the paper's tables, behind one interface (`genprm.reward_models.base`)."""
