"""What `hbi reproduce` prints: the plan with what it needs, and the result beside the paper's."""

import shutil
from pathlib import Path

from hbi.cli.tables import TextTable
from hbi.cli.terminal import say
from hbi.experiments.reproducing.needs import existing, in_gib, in_hours
from hbi.experiments.reproducing.page import INTERVAL, report_rows
from hbi.experiments.reproducing.plan import STAGES, Plan
from hbi.experiments.reproducing.report import PAGE, REPORT, Reproduction


def print_plan(plan: Plan) -> None:
    """Print what a reproduction will do, what it needs, and what is in its way."""
    training = plan.recipe.training
    start = training.start_from or plan.recipe.model.encoder or "random weights"
    what = f"recipe {plan.benchmark}, from {start}, on {plan.device}, into {plan.out}"
    say("[bold]Plan:[/] {what}", what=what)
    if plan.splits:
        table = TextTable("split", "videos", "published", "texts", "with a file", "packed")
        for split in plan.splits:
            published = "" if split.published is None else f"{split.published.num_videos:,}"
            numbers = (len(split.whole.texts), len(split.found), len(split.packed))
            table.add_row(split.name, f"{len(split.whole.videos):,}", published, *(f"{each:,}" for each in numbers))
        table.print()
    stages = TextTable("stage", "what is left", "time")
    for stage in STAGES:
        cost = plan.costs.get(stage)
        time = "" if cost is None else "not known" if cost.seconds is None else in_hours(cost.seconds)
        stages.add_row(stage, plan.states.get(stage, ""), time)
    stages.print()
    _print_needs(plan)
    _print_sum(plan)
    for line in plan.gaps if plan.is_partial else ():
        say("[yellow]going on all the same:[/] {line}", line=line)
    for line in plan.obstacles:
        say("[red]in the way:[/] {line}", line=line)


def _print_needs(plan: Plan) -> None:
    if plan.disk:
        table = TextTable("disk", "needed", "free", "where")
        for need in plan.disk:
            free = shutil.disk_usage(existing(need.folder)).free
            table.add_row(need.what, in_gib(need.num_bytes), in_gib(free), str(need.folder))
        table.print()
    for memory in plan.memory:
        needed = "not known" if memory.num_bytes is None else in_gib(memory.num_bytes)
        say(
            "Memory {where}: {needed}, of {there}: {how}",
            where=memory.where,
            needed=needed,
            there=in_gib(memory.there),
            how=memory.how,
        )
        if memory.is_short:
            say("[yellow]that is too little:[/] lower training.micro_batch_size (hbi recipe keys micro_batch_size)")
    for stage, cost in plan.costs.items():
        if cost.how:
            say("Time to {stage}: {how}", stage=stage, how=cost.how)


def _print_sum(plan: Plan) -> None:
    known = [cost.seconds for cost in plan.costs.values() if cost.seconds is not None]
    if known:
        about = "about" if len(known) == len(plan.costs) else "more than"
        disk = in_gib(sum(need.num_bytes for need in plan.disk))
        say("[bold]In all {about} {time}, {disk} of disk[/]", about=about, time=in_hours(sum(known)), disk=disk)


def print_reproduction(reproduction: Reproduction, out: Path) -> None:
    """Print our measures beside the paper's, in what the experiment differs, and where the report is.

    Args:
        reproduction: That is done.
        out: Its folder.
    """
    header, *rows = report_rows(reproduction)
    counts = ", ".join(f"{number:,} {what}" for what, number in reproduction.sizes.items())
    table = TextTable(*header, title=f"{reproduction.title} {reproduction.protocol}, test: {counts}")
    for row in rows:
        table.add_row(*row)
    table.print()
    say("{interval}.", interval=INTERVAL)
    if reproduction.why_no_paper:
        say("The paper's figures are not shown: {why}", why=reproduction.why_no_paper)
    if reproduction.differences:
        say("It differs from the paper's experiment:")
    for line in reproduction.differences:
        say("  {line}", line=line)
    say("The report: {page}, {json}", page=out / PAGE, json=out / REPORT)
