"""The paper's tables in our own numbers, with the paper's beside them.

Every table is a group of measures: the subject is its row, the name its column. Columns that begin with "paper"
hold what the paper reports, counted over its own cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from assets.judging import votes_of
from assets.partitions import Pipeline
from genprm.lineup import Model
from genprm.records import Measure, Prediction
from genprm.results import paper
from genprm.results.claims import JUDGES, label_setting

PROCESSBENCH = "ProcessBench (paper table 1)"
LABELS = "Label settings (paper tables 3 and 4)"
COMPONENTS = "Components (paper table 5)"
DATA_SIZE = "Training data (paper table 8)"
TOKENS = "Tokens of a verification path (paper table 9)"
TABLES = (PROCESSBENCH, LABELS, COMPONENTS, DATA_SIZE, TOKENS)

_SIZE = re.compile(r"(1\.5|7|32)b\b", re.IGNORECASE)
_LABEL_COLUMNS = {"exact first error": "labels: exact first error", "F1": "labels: F1", "filter: agree": "kept"}


def table_measures(
    pipeline: Pipeline,
    rows: Sequence[Measure],
    predictions: Mapping[str, Sequence[Prediction]],
    conversations: Mapping[str, int],
) -> list[Measure]:
    """All tables that the profile has the models for; `rows` are the measures of labels and models, `conversations`
    says how many each trained model saw.
    """
    found = {(row.group, row.subject, row.name): row for row in rows}
    return [
        *_processbench(pipeline, found),
        *_labels(pipeline, found),
        *_components(pipeline, found),
        *_data_size(pipeline, found, conversations),
        *_tokens(pipeline, predictions),
    ]


Found = Mapping[tuple[str, str, str], Measure]


def _paper(group: str, subject: str, name: str, value: float, unit: str = "%", count: int = paper.CASES) -> Measure:
    return Measure(group, subject, f"paper {name}", value, None, None, unit, count)


def _ways(pipeline: Pipeline, model: Model) -> list[str]:
    votes = votes_of(pipeline, model)
    return ["Pass@1"] + ([f"Maj@{votes}"] if votes > 1 else [])


def _taken(found: Found, model: Model, name: str, group: str, subject: str, column: str) -> Iterable[Measure]:
    row = found.get((JUDGES, model.key, name))
    if row is not None:
        yield replace(row, group=group, subject=subject, name=column)


def paper_row(model: Model, way: str) -> paper.F1Row | None:
    """What the paper reports for a model like this one; for bases of no stated size its 7B."""
    if model.checkpoint != model.key or model.kind != "genprm":
        return None
    size = _SIZE.search(model.weights)
    name = f"GenPRM-{size[1] if size else '7'}B, {way}"
    if model.trained and model.mode == "direct":
        name = "Direct Generative PRM-7B"
    elif not model.trained or model.mode != "full" or model.share < 1:
        return None
    return paper.PROCESSBENCH.get(name)


def _processbench(pipeline: Pipeline, found: Found) -> Iterable[Measure]:
    for model in pipeline.judges:
        for way in _ways(pipeline, model):
            subject = f"{model.key} {way}"
            for subset in pipeline.profile.evaluation.subsets:
                yield from _taken(found, model, f"{subset}: F1 {way}", PROCESSBENCH, subject, subset)
            yield from _taken(found, model, f"F1 {way}", PROCESSBENCH, subject, paper.MEAN)
            reported = paper_row(model, way)
            if reported is not None and _is_first_variant(pipeline, model):
                yield from (
                    _paper(PROCESSBENCH, subject, name, getattr(reported, name))
                    for name in (*pipeline.profile.evaluation.subsets, paper.MEAN)
                    if name in reported._fields
                )


def _is_first_variant(pipeline: Pipeline, model: Model) -> bool:
    return model.variant in pipeline.profile.training.variants[:1]


def _labels(pipeline: Pipeline, found: Found) -> Iterable[Measure]:
    labels, training = pipeline.profile.labels, pipeline.profile.training
    if len(training.variants) < 2:
        return
    for base in training.base:
        for variant in labels.variant_names():
            setting = label_setting(labels.variant(variant))
            own = "MC > 0" if setting[0] == "hard" else f"{setting[0]} >= {setting[1]:g}"
            subject = f"{own} ({variant})" if len(training.base) == 1 else f"{base}: {own} ({variant})"
            for name, column in _LABEL_COLUMNS.items():
                row = found.get(("labels", variant, name))
                if row is not None:
                    yield replace(row, group=LABELS, subject=subject, name=column)
            if variant in training.variants:
                model = pipeline.model(f"{base}.{variant}.full")
                for way in _ways(pipeline, model):
                    yield from _taken(found, model, f"F1 {way}", LABELS, subject, f"F1 {way}")
            reported = paper.LABELS.get(setting)
            if reported is not None:
                yield _paper(LABELS, subject, "F1 Pass@1", reported.pass_at_1)
                yield _paper(LABELS, subject, "F1 Maj@8", reported.maj_at_8)


def _components(pipeline: Pipeline, found: Found) -> Iterable[Measure]:
    if not pipeline.otherwise:
        return
    for model in pipeline.judges:
        if not _is_first_variant(pipeline, model) or model.share < 1 or model.kind != "genprm":
            continue
        trained = pipeline.model(model.checkpoint).mode
        subject = f"trained {trained}, judging {model.mode}"
        if len(pipeline.profile.training.base) > 1:
            subject = f"{model.base}: {subject}"
        for way in _ways(pipeline, model):
            yield from _taken(found, model, f"F1 {way}", COMPONENTS, subject, f"F1 {way}")
        reported = paper.COMPONENTS.get((trained, model.mode))
        if reported is not None:
            yield _paper(COMPONENTS, subject, "F1 Maj@8", reported.mean)


def _data_size(pipeline: Pipeline, found: Found, conversations: Mapping[str, int]) -> Iterable[Measure]:
    if not pipeline.profile.training.shares:
        return
    chosen = [m for m in pipeline.models if m.mode == "full" and _is_first_variant(pipeline, m)]
    for model in sorted(chosen, key=lambda model: (model.base, model.share)):
        subject = f"{model.key}, {100 * model.share:g} %"
        seen = conversations[model.key]
        yield Measure(DATA_SIZE, subject, "conversations", seen, None, None, "count", seen)
        yield from _taken(found, model, "F1 Pass@1", DATA_SIZE, subject, "F1 Pass@1")
        reported = paper.DATA_SIZE.get(model.share)
        if reported is not None:
            yield _paper(DATA_SIZE, subject, "F1 Pass@1", reported.mean)


def _tokens(pipeline: Pipeline, predictions: Mapping[str, Sequence[Prediction]]) -> Iterable[Measure]:
    for model in pipeline.judges:
        rows = predictions[model.key]
        paths = sum(len(row.path_rewards) for row in rows)
        steps = sum(len(path) for row in rows for path in row.path_rewards)
        tokens = sum(row.tokens for row in rows)
        if model.kind == "genprm" and steps:
            yield Measure(TOKENS, model.key, "per step", tokens / steps, None, None, "count", steps)
        if model.kind != "discriminative" and paths:
            yield Measure(TOKENS, model.key, "per response", tokens / paths, None, None, "count", paths)
    for name, reported in paper.TOKENS.items():
        yield _paper(TOKENS, f"GenPRM-7B on {name}", "per step", reported.per_step, "count", 0)
        yield _paper(TOKENS, f"GenPRM-7B on {name}", "per response", reported.per_response, "count", 0)
