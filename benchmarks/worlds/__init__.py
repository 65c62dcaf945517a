"""Small worlds of another making than ShapeStories, by name."""

from worlds import digits, figures, grid

WORLDS = {world.name: world for world in (grid.WORLD, digits.WORLD, figures.WORLD)}
