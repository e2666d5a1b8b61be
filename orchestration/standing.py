"""What `genprm status` and `--dry-run` show of a survey: a table, lines, or JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from orchestration.staleness import MOST_WHY, Node
from orchestration.survey import BEHIND, STATES, Survey


def standing_table(found: Survey) -> Table:
    """A row per asset: how many partitions are in each state (`behind`: made from what is not fresh), and why."""
    table = Table("asset", *STATES, "why", box=None, pad_edge=False)
    for asset in dict.fromkeys(node.asset for node in found.standings):
        nodes = found.of(asset)
        reasons = {state: [found.why(node) for node in nodes if found.state(node) == state] for state in STATES}
        why = list(dict.fromkeys(reasons["stale"] or reasons[BEHIND]))
        more = f" and {len(why) - MOST_WHY} more" if len(why) > MOST_WHY else ""
        cells = [str(count) if count else "" for count in found.counts(nodes).values()]
        table.add_row(asset, *cells, Text("; ".join(why[:MOST_WHY]) + more))
    return table


def standing_json(profile: str, found: Survey) -> dict[str, object]:
    """The same for programs, partition by partition; `fresh` says whether all partitions are."""
    partitions = [
        {"asset": node.asset, "partition": node.partition, "state": found.state(node), "why": found.why(node)}
        for node in found.standings
    ]
    return {"profile": profile, "fresh": not found.late, "partitions": partitions}


def foretold(found: Survey, nodes: Sequence[Node]) -> list[str]:
    """What a run that looks at `nodes` would make, a line each, and how much might follow from that."""
    due = [node for node in nodes if node in found.late]
    behind = sum(node in found.behind for node in nodes)
    lines = [f"{node}  {found.standings[node].state}: {found.why(node)}" for node in due]
    if behind:
        lines.append(f"{behind} more are made from these, and again where these come out otherwise")
    return lines or ["everything is fresh"]
