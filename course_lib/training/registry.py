"""Which models can be trained: each file of ``recipes`` holds the ``recipe`` of the model that it is named after."""

from __future__ import annotations

from course_lib.lookup import CourseError, load, names
from course_lib.training.recipe import Recipe

RECIPES = "course_lib.training.recipes"


class UnknownModel(CourseError, ValueError):
    """No model of this name can be trained; the message lists those that can."""


def recipe_names() -> list[str]:
    """The models that can be trained, in alphabetical order."""
    return names(RECIPES)


def get_recipe(name: str | Recipe) -> Recipe:
    """The recipe of a model. Raises UnknownModel with the list of names, and the one that was probably meant."""
    if isinstance(name, Recipe):
        return name
    return load(RECIPES, name, what="model", error=UnknownModel).recipe
