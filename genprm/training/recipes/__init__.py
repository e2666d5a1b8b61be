"""The kinds of models that are trained here, by the name that keys of models carry."""

from __future__ import annotations

from collections.abc import Mapping

from genprm.training.recipes.base import PathKeys, Recipe
from genprm.training.recipes.discriminative import DiscriminativeRecipe
from genprm.training.recipes.genprm import GenPRMRecipe
from genprm.training.recipes.outcome import OutcomeRecipe
from genprm.training.recipes.reinforced import ReinforcedRecipe
from genprm.training.recipes.think import ThinkRecipe

__all__ = ["RECIPES", "PathKeys", "Recipe"]

RECIPES: Mapping[str, Recipe] = {
    recipe.kind: recipe
    for recipe in (GenPRMRecipe(), DiscriminativeRecipe(), ThinkRecipe(), OutcomeRecipe(), ReinforcedRecipe())
}
