"""The paper's tables with our own numbers, and beside them the paper's numbers, measured on the paper's cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from genprm.lineup import Lineup, Model
from genprm.modes import Mode
from genprm.records import Prediction
from genprm.registry import ESTIMATORS
from genprm.results import paper
from genprm.results.claims import label_setting
from genprm.results.measures import MEAN, PAPER, Measure, Metric, Table, Unit

_OF_LABELS = (Metric.EXACT_FIRST_ERROR, Metric.F1)
KEPT = "agree"
"""The reason for which the filter keeps a solution."""


@dataclass(frozen=True)
class PaperTables:
    """What the tables are made of: a line-up, the measures of its labels and models, and their predictions.

    `conversations` says how many conversations each trained model saw.
    """

    lineup: Lineup
    measures: Sequence[Measure]
    predictions: Mapping[str, Sequence[Prediction]]
    conversations: Mapping[str, int]

    def rows(self) -> list[Measure]:
        """All tables that the profile has the models for."""
        return [
            *self._processbench(),
            *self._label_settings(),
            *self._components(),
            *self._data_size(),
            *self._tokens(),
        ]

    def _f1(self, model: Model, subset: str = MEAN) -> Iterable[Measure]:
        """F1 of a model on a subset, Pass@1 first."""
        return (
            row
            for row in self.measures
            if row.table is Table.JUDGES
            and row.metric is Metric.F1
            and (row.model, row.subset) == (model.key, subset)
        )

    def _processbench(self) -> Iterable[Measure]:
        subsets = (*self.lineup.profile.evaluation.subsets, MEAN)
        for model in self.lineup.judges:
            for votes in sorted({1, self.lineup.votes_of(model)}):
                for subset in subsets:
                    own = (row for row in self._f1(model, subset) if row.votes == votes)
                    yield from (replace(row, table=Table.PROCESSBENCH) for row in own)
                reported = paper_row(model, votes)
                if reported is not None and self._is_first_variant(model):
                    for subset in subsets:
                        if subset in reported._fields:
                            value = getattr(reported, subset)
                            row = _paper(Table.PROCESSBENCH, Metric.F1, value)
                            yield replace(row, model=model.key, subset=subset, votes=votes)

    def _is_first_variant(self, model: Model) -> bool:
        return model.variant in self.lineup.profile.training.variants[:1]

    def _label_settings(self) -> Iterable[Measure]:
        profile = self.lineup.profile
        if len(profile.training.variants) < 2:
            return
        for base in profile.training.base:
            for variant in profile.labels.variant_names():
                estimator, threshold = label_setting(profile.labels.variant(variant))
                setting = ESTIMATORS.get(estimator).rule(threshold)
                shown = base if len(profile.training.base) > 1 else ""
                for row in self._label_setting(base, variant):
                    yield replace(row, model=shown, variant=variant, setting=setting)

    def _label_setting(self, base: str, variant: str) -> Iterable[Measure]:
        """The labels themselves, the models trained on them, and what the paper reports for such labels."""
        for row in self.measures:
            kept = row.metric is Metric.FILTERED and row.setting == KEPT
            if row.table is Table.LABELS and row.variant == variant and (row.metric in _OF_LABELS or kept):
                yield replace(row, table=Table.LABEL_SETTINGS)
        model = self.lineup.trained(base, Mode.FULL, variant)
        if model is not None:
            yield from (replace(row, table=Table.LABEL_SETTINGS) for row in self._f1(model))
        reported = paper.LABELS.get(label_setting(self.lineup.profile.labels.variant(variant)))
        if reported is not None:
            for votes, value in ((1, reported.pass_at_1), (8, reported.maj_at_8)):
                yield replace(_paper(Table.LABEL_SETTINGS, Metric.F1, value), votes=votes)

    def _components(self) -> Iterable[Measure]:
        if not self.lineup.otherwise:
            return
        for model in self.lineup.judges:
            if not self._is_first_variant(model) or model.share < 1 or not model.recipe.by_step:
                continue
            trained = self.lineup.model(model.checkpoint).mode
            rows = [replace(row, table=Table.COMPONENTS) for row in self._f1(model)]
            reported = paper.COMPONENTS.get((trained, model.mode))
            if reported is not None:
                rows.append(replace(_paper(Table.COMPONENTS, Metric.F1, reported.mean), votes=8))
            base = model.base if len(self.lineup.profile.training.base) > 1 else ""
            yield from (replace(row, model=base, setting=trained, mode=model.mode) for row in rows)

    def _data_size(self) -> Iterable[Measure]:
        if not self.lineup.profile.training.shares:
            return
        chosen = [m for m in self.lineup.models if m.mode is Mode.FULL and self._is_first_variant(m)]
        for model in sorted(chosen, key=lambda model: (model.base, model.share)):
            seen = self.conversations[model.key]
            rows = [
                Measure(
                    table=Table.DATA_SIZE, metric=Metric.CONVERSATIONS, value=seen, unit=Unit.COUNT, count=seen
                ),
                *(replace(row, table=Table.DATA_SIZE) for row in self._f1(model) if row.votes == 1),
            ]
            reported = paper.DATA_SIZE.get(model.share)
            if reported is not None:
                rows.append(replace(_paper(Table.DATA_SIZE, Metric.F1, reported.mean), votes=1))
            yield from (replace(row, model=model.key, setting=f"{100 * model.share:g} %") for row in rows)

    def _tokens(self) -> Iterable[Measure]:
        for model in self.lineup.judges:
            rows = self.predictions[model.key]
            paths = sum(len(row.path_rewards) for row in rows)
            steps = sum(len(path) for row in rows for path in row.path_rewards)
            tokens = sum(row.tokens for row in rows)
            found = []
            if model.recipe.by_step and steps:
                found.append((Metric.TOKENS_PER_STEP, tokens / steps, steps))
            if model.recipe.writes and paths:
                found.append((Metric.TOKENS_PER_RESPONSE, tokens / paths, paths))
                found += [
                    (Metric.F1_PER_THOUSAND_TOKENS, 1000 * row.value * paths / tokens, len(rows))
                    for row in self._f1(model)
                    if row.votes == 1 and tokens
                ]
            for metric, value, count in found:
                yield Measure(
                    table=Table.TOKENS, metric=metric, value=value, unit=Unit.COUNT, count=count, model=model.key
                )
        for name, reported in paper.TOKENS.items():
            for metric, value in (
                (Metric.TOKENS_PER_STEP, reported.per_step),
                (Metric.TOKENS_PER_RESPONSE, reported.per_response),
            ):
                row = _paper(Table.TOKENS, metric, value)
                yield replace(row, model="GenPRM-7B", subset=name, unit=Unit.COUNT, count=0)


def _paper(table: Table, metric: Metric, value: float) -> Measure:
    return Measure(table=table, metric=metric, value=value, unit=Unit.PERCENT, count=paper.CASES, source=PAPER)


def paper_row(model: Model, votes: int) -> paper.F1Row | None:
    """What the paper reports for a model like this one; the paper's 7B where the base's name states no size."""
    if not (model.as_trained and model.recipe.by_step and model.trained) or model.share < 1:
        return None
    if model.mode is Mode.DIRECT:
        return paper.PROCESSBENCH["Direct Generative PRM-7B"]
    way = "Pass@1" if votes == 1 else f"Maj@{votes}"
    name = f"GenPRM-{model.billions or 7:g}B, {way}"
    return paper.PROCESSBENCH.get(name) if model.mode is Mode.FULL else None
