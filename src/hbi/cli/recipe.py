"""`hbi recipe`: the recipes that ship with hbi, what one says, and every key that a recipe may have."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hbi.cli.tables import TextTable
from hbi.cli.terminal import say, say_json, say_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hbi.experiments.keys import RecipeKey

recipe_app = typer.Typer(help="List recipes, show one, and look up the keys of recipes.", no_args_is_help=True)


@recipe_app.callback()
def _recipe() -> None:
    """List recipes, show one, and look up the keys of recipes."""


@recipe_app.command("list")
def list_recipes() -> None:
    """List the recipes that ship with hbi.

    Each is a name for hbi train, hbi data pack and hbi cache-features, and for
    extends in a recipe of your own.
    """
    from hbi.experiments.content import read_content, recipe_file, recipe_names, remarks_of

    table = TextTable("recipe", "what it is", "data", "network")
    for name in recipe_names():
        content = read_content(name)
        told = [line for line in remarks_of(recipe_file(name)) if not line.startswith("hbi ")]
        table.add_row(name, told[0] if told else "", content["data"]["dataset"], content["model"]["kind"])
    table.print()
    say("More of one: [bold]hbi recipe show NAME[/]. What a recipe may say: [bold]hbi recipe keys[/]")


@recipe_app.command("show")
def show(
    recipe: Annotated[str, typer.Argument(help="The name of a built-in recipe, a YAML file, or a run folder.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe, as in hbi train. Repeatable."),
    ] = None,
    is_whole: Annotated[
        bool, typer.Option("--all", help="Every key, with its default where the recipe is silent.")
    ] = False,
) -> None:
    """Print a recipe as YAML, which hbi train takes: hbi recipe show msrvtt > mine.yaml

    A recipe that stands alone is printed as it is written, comments included.
    What it extends and what --set changes is put together, without comments.
    """
    from hbi.experiments.content import recipe_file, stands_alone
    from hbi.experiments.reading import content_yaml, read_recipe, recipe_yaml

    checked = read_recipe(recipe, overrides or ())  # what is wrong is said, not shown
    if is_whole:
        text = recipe_yaml(checked)
    elif not overrides and stands_alone(recipe):
        text = recipe_file(recipe).read_text(encoding="utf-8-sig")
    else:
        text = content_yaml(recipe, overrides or ())
    say_lines(text)


@recipe_app.command("keys")
def keys(
    pattern: Annotated[
        str | None,
        typer.Argument(
            help="Only keys of that name (lr), of a pattern ('training.*_every'), by what others call them "
            "(learning_rate), or by a word of their meaning (caption).",
            show_default="all",
        ),
    ] = None,
    form: Annotated[Literal["table", "json", "markdown"], typer.Option("--format", help="What is printed.")] = "table",
) -> None:
    """Explain the keys of a recipe: what each means, its default, and what it takes.

    Set one in a recipe's file, or for one command with --set KEY=VALUE.
    """
    from hbi.experiments.keys import keys_markdown, matching_keys

    found = matching_keys(pattern)
    if form == "json":
        say_json([key.to_dict() for key in found])
    elif form == "markdown":
        say_lines(keys_markdown(found))
    else:
        _print(found)


def _print(keys: "Sequence[RecipeKey]") -> None:
    table = TextTable("key", "meaning", "default", "takes")
    for key in keys:
        table.add_row(key.name, key.meaning, "must be given" if key.default is None else key.default, key.values)
    table.print()
