"""TRIPOD+AI: reporting of prediction models, by regression or machine learning. 27 items, 52 with their parts.

Written for models that predict an outcome of a patient; of a segmentation, "predictors" are the images and "outcome" is
the label image. Collins, Moons, Dhiman et al. 2024, doi 10.1136/bmj-2023-078378.
"""

from hypercolumn.report.checklist import Answer, Checklist, Item
from hypercolumn.report.content import ReportContent


def tripod_ai(content: ReportContent) -> tuple[Item, ...]:
    """All 52 items for one report.

    >>> items = tripod_ai(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0"))
    >>> len(items), items[0].number, items[-1].number, {item.state.value for item in items[:3]}
    (52, 'TRIPOD+AI 1', 'TRIPOD+AI 27c', {'needs author'})
    """
    return TRIPOD_AI.items(content)


LABELS = {
    "1": "Title: development or evaluation, population, outcome",
    "2": "Abstract, by its own checklist",
    "3a": "Healthcare context, rationale, existing models",
    "3b": "Target population, place in the care pathway, users",
    "3c": "Known inequalities in health between groups",
    "4": "Objectives: development, evaluation or both",
    "5a": "Sources of data, and whom they represent",
    "5b": "Dates of the data",
    "6a": "Setting, number and place of centres",
    "6b": "Eligibility criteria",
    "6c": "Treatments received",
    "7": "Preparation and quality checks of the data",
    "8a": "Outcome: definition, time, how and why assessed",
    "8b": "Who assessed the outcome",
    "8c": "Blinding of the outcome's assessment",
    "9a": "Choice of predictors before modelling",
    "9b": "Definition of predictors, how and when measured",
    "9c": "Who assessed predictors",
    "10": "Study size",
    "11": "Missing data",
    "12a": "How data were used and partitioned",
    "12b": "Handling of predictors in the analysis",
    "12c": "Type of model, its building, tuning and internal validation",
    "12d": "Heterogeneity between clusters: how it was handled",
    "12e": "Measures and plots of performance",
    "12f": "Updating of the model: how",
    "12g": "How predictions were calculated",
    "13": "Class imbalance: how and why handled, recalibration",
    "14": "Fairness: approaches and rationale",
    "15": "Output of the model, thresholds",
    "16": "Differences between development and evaluation data",
    "17": "Ethical approval and consent",
    "18a": "Funding",
    "18b": "Conflicts of interest",
    "18c": "Protocol",
    "18d": "Registration",
    "18e": "Availability of data",
    "18f": "Availability of code",
    "19": "Involvement of patients and the public",
    "20a": "Flow of participants",
    "20b": "Characteristics of participants",
    "20c": "Evaluation data compared with development data",
    "21": "Participants and outcome events in each analysis",
    "22": "The full model, so that others can predict with it",
    "23a": "Performance with intervals, and in subgroups",
    "23b": "Heterogeneity of performance between clusters",
    "24": "Updating of the model: results",
    "25": "Interpretation, with fairness and other studies",
    "26": "Limitations",
    "27a": "Use: input data that are poor or missing",
    "27b": "Use: what users have to do and to know",
    "27c": "Next steps of research",
}

ANSWERS = {
    "7": Answer("plan", "each step with its reason", lambda content: content.plan),
    "11": Answer("flow", "records set aside, each with the reason", lambda content: content.excluded),
    "12a": Answer("certificate", "by lineage; the certificate can be checked", lambda content: content.certificate),
    "12b": Answer("plan", "normalization and window", lambda content: content.plan),
    "12c": Answer("plan", "network, settings and the reason of each", lambda content: content.plan),
    "12d": Answer("groups", "scores by group with a test of heterogeneity", lambda content: content.forests),
    "12e": Answer("scores", "every metric with the unit it is counted over", lambda content: content.scores),
    "13": Answer(
        "plan",
        "how unequal classes were handled, with the reason",
        lambda content: any(choice.what == "imbalance" for choice in content.plan),
    ),
    "12g": Answer("reproduce", "commands, seeds, hashes", lambda content: content.reproduction),
    "20a": Answer("flow", "flow diagram", lambda content: content.flow),
    "20b": Answer("cohort", "table by fold with standardised differences", lambda content: content.characteristics),
    "23a": Answer("scores", "scores with intervals over independent units", lambda content: content.scores),
    "23b": Answer("groups", "scores by group with a test of heterogeneity", lambda content: content.forests),
}

HINTS = {
    "3c": "not known here",
    "10": "the intervals in this report show what this size allows; say how it was arrived at",
    "5a": "manifest and hashes are in this report; say where the data come from",
    "14": "scores by declared strata are no approach to fairness by themselves",
    "15": "probabilities; classes are answered without a tuned threshold",
    "18e": "hashes are in this report; say where to get the data",
    "18f": "versions are in this report; say where to get the code and the network",
    "20c": "no external data were scored in this report",
    "21": "records by fold are in this report; say how many had the outcome",
    "22": "the weights are in the run; say where to get them",
    "26": "begin with the warnings and with what was not checked",
}

TRIPOD_AI = Checklist(
    "TRIPOD+AI",
    "Collins et al. 2024, doi 10.1136/bmj-2023-078378",
    LABELS,
    ANSWERS,
    HINTS,
    not_applicable={"12f": "the model is not updated here", "24": "the model is not updated here"},
)
