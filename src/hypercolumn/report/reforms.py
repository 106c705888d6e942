"""REFORMS: reporting of science that rests on machine learning. 8 modules, 32 items.

Kapoor, Cantrell, Peng et al. 2024, doi 10.1126/sciadv.adk3452.
"""

from hypercolumn.audit.finding import Severity
from hypercolumn.report.checklist import Answer, Checklist, Item
from hypercolumn.report.content import ReportContent


def reforms(content: ReportContent) -> tuple[Item, ...]:
    """All 32 items for one report.

    >>> items = reforms(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0"))
    >>> len(items), items[0].number, items[-1].number, items[0].words
    (32, 'REFORMS 1a', 'REFORMS 8b', 'every score says to what it generalises; say who these are')
    """
    return REFORMS.items(content)


def _copies_looked_for(content: ReportContent) -> bool:
    """Whether the report says, found or not, that copies on two sides of the split were looked for."""
    return any(
        finding.code.startswith("A-DUPLICATES") and finding.severity is not Severity.NOT_CHECKED
        for finding in content.findings
    )


LABELS = {
    "1a": "Population that the claim is about",
    "1b": "Why this population",
    "1c": "Why machine learning",
    "2a": "The data set, where to get it",
    "2b": "The code, where to get it",
    "2c": "Computing infrastructure",
    "2d": "README: how to get the results from data and code",
    "2e": "A script that gives the same results",
    "3a": "Sources of the data and of the annotation, and when",
    "3b": "Sampling frame",
    "3c": "Why these data suit the question",
    "3d": "The outcome and its distribution",
    "3e": "Number of samples",
    "3f": "Share of missing data",
    "3g": "Whether the evaluation data represent the population",
    "4a": "What was left out, and why",
    "4b": "Impossible or corrupt samples",
    "4c": "Transformations from raw data to what is modelled",
    "5a": "All models trained",
    "5b": "Why these types of model",
    "5c": "How models were evaluated",
    "5d": "How the final model was selected",
    "5e": "Hyperparameters",
    "5f": "Baselines",
    "6a": "Training and test kept apart in every step",
    "6b": "Dependencies and duplicates between training and test",
    "6c": "Whether each input may be used for the task",
    "7a": "Metrics, and why these",
    "7b": "Uncertainty, and how it was computed",
    "7c": "Statistical tests, and their assumptions",
    "8a": "Evidence of external validity",
    "8b": "Where the findings are not expected to hold",
}

ANSWERS = {
    "2c": Answer("reproduce", "versions", lambda content: content.reproduction and content.reproduction.versions),
    "2e": Answer(
        "reproduce", "commands and seeds", lambda content: content.reproduction and content.reproduction.commands
    ),
    "3e": Answer("flow", "records and units at each step", lambda content: content.flow),
    "4a": Answer("flow", "records set aside, each with the reason", lambda content: content.excluded),
    "4b": Answer("flow", "files that could not be read are set aside", lambda content: content.excluded),
    "4c": Answer("plan", "each step with its reason", lambda content: content.plan),
    "5a": Answer("plan", "the network of each fold", lambda content: content.plan),
    "5b": Answer("plan", "with the reason of each choice", lambda content: content.plan),
    "5c": Answer("certificate", "by lineage; the certificate can be checked", lambda content: content.certificate),
    "5d": Answer(
        "training",
        "the step whose weights were kept, by fold, by validation",
        lambda content: any(curve.kept_at is not None for curve in content.curves),
    ),
    "5e": Answer("plan", "derived from the training side, each with its reason", lambda content: content.plan),
    "5f": Answer("baselines", "the best without a network, on the same folds", lambda content: content.baselines),
    "6a": Answer("certificate", "tested over every lineage column", lambda content: content.certificate),
    "6b": Answer("audits", "copies were looked for and judged", _copies_looked_for),
    "7a": Answer("scores", "the headline is fixed by the kind of answer", lambda content: content.scores),
    "7b": Answer("scores", "intervals over independent units, the method beside each", lambda content: content.scores),
}

HINTS = {
    "1a": "every score says to what it generalises; say who these are",
    "2a": "hashes are in this report; say where to get the data",
    "2b": "versions are in this report; say where to get the code and the network",
    "3d": "the classes are in this report; say how the outcome is defined",
    "6c": "say whether each input is known at the time when the answer is needed",
    "8a": "no external data were scored in this report",
    "8b": "begin with the warnings and with what was not checked",
}

REFORMS = Checklist("REFORMS", "Kapoor et al. 2024, doi 10.1126/sciadv.adk3452", LABELS, ANSWERS, HINTS)
