"""The Checklist for Artificial Intelligence in Medical Imaging, 2024 update: 44 items.

Tejani, Klontzas, Gatti et al. 2024, doi 10.1148/ryai.240300.
"""

from hypercolumn.report.checklist import Answer, Checklist, Item
from hypercolumn.report.content import ReportContent


def claim_2024(content: ReportContent) -> tuple[Item, ...]:
    """All 44 items for one report.

    >>> answers = {"CLAIM 5": "retrospective"}
    >>> items = claim_2024(ReportContent("Nuclei", "nuclei", "patient", "2026-01-31", "0.1.0", answers=answers))
    >>> len(items), items[4].label, items[4].state.value, items[4].words
    (44, 'Prospective or retrospective', 'answered by author', 'retrospective')
    """
    return CLAIM_2024.items(content)


LABELS = {
    "1": "Named as a study of artificial intelligence",
    "2": "Structured abstract",
    "3": "Background and intended use",
    "4": "Aims and hypotheses",
    "5": "Prospective or retrospective",
    "6": "Goal of the study",
    "7": "Data sources",
    "8": "Inclusion and exclusion criteria",
    "9": "Preprocessing",
    "10": "Selection of subsets",
    "11": "De-identification",
    "12": "Missing data",
    "13": "Image acquisition",
    "14": "How the reference standard was obtained",
    "15": "Why this reference standard",
    "16": "Who annotated",
    "17": "Annotation of the test set",
    "18": "Agreement between and within raters",
    "19": "Assignment to partitions",
    "20": "Level at which partitions are disjoint",
    "21": "Sample size",
    "22": "Model",
    "23": "Software",
    "24": "Initialisation of parameters",
    "25": "Training",
    "26": "Choice of the final model",
    "27": "Ensembles",
    "28": "Metrics",
    "29": "Significance and uncertainty",
    "30": "Robustness or sensitivity",
    "31": "Explainability",
    "32": "Evaluation on internal data",
    "33": "Testing on external data",
    "34": "Trial registration",
    "35": "Numbers included and excluded",
    "36": "Characteristics by partition",
    "37": "Performance with uncertainty",
    "38": "Diagnostic performance with precision",
    "39": "Failure analysis",
    "40": "Limitations",
    "41": "Implications for practice",
    "42": "Protocol and further technical details",
    "43": "Availability of software, model and data",
    "44": "Funding",
}

ANSWERS = {
    "9": Answer("plan", "each step with its reason", lambda content: content.plan),
    "12": Answer("flow", "records set aside, each with the reason", lambda content: content.excluded),
    "19": Answer("certificate", "by lineage; the certificate can be checked", lambda content: content.certificate),
    "20": Answer("certificate", "tested over every lineage column", lambda content: content.certificate),
    "21": Answer(
        "scores", "not planned here; the intervals show what this size allows", lambda content: content.scores
    ),
    "22": Answer("plan", "network, depth and window", lambda content: content.plan),
    "23": Answer("reproduce", "versions", lambda content: content.reproduction and content.reproduction.versions),
    "24": Answer("reproduce", "seeds", lambda content: content.reproduction and content.reproduction.seeds),
    "25": Answer("training", "plan and learning curves", lambda content: content.plan and content.curves),
    "26": Answer(
        "training",
        "the step whose weights were kept, by fold",
        lambda content: any(curve.kept_at is not None for curve in content.curves),
    ),
    "28": Answer("scores", "every metric with the unit it is counted over", lambda content: content.scores),
    "29": Answer("scores", "intervals over independent units", lambda content: content.scores),
    "30": Answer("groups", "scores by group", lambda content: content.forests),
    "32": Answer("scores", "on records that no fold had learnt from", lambda content: content.scores),
    "35": Answer("flow", "flow diagram", lambda content: content.flow),
    "36": Answer("cohort", "table by fold with standardised differences", lambda content: content.characteristics),
    "37": Answer("scores", "scores with intervals", lambda content: content.scores),
    "38": Answer("scores", "operating curves", lambda content: content.operating_curves),
    "39": Answer("cases", "the worst cases, shown", lambda content: content.galleries),
    "42": Answer("reproduce", "commands, seeds, hashes", lambda content: content.reproduction),
}

HINTS = {
    "7": "manifest and hashes are in this report; say where the data come from",
    "13": "not read from the files",
    "33": "no external data were scored in this report",
    "40": "begin with the warnings and with what was not checked",
    "43": "versions and hashes are in this report; say where to get them",
}

CLAIM_2024 = Checklist(
    "CLAIM",
    "Tejani et al. 2024, doi 10.1148/ryai.240300",
    LABELS,
    ANSWERS,
    HINTS,
    not_applicable={"27": "each record is predicted by one network alone"},
)
