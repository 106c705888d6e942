"""The pitfalls that this version does not look at, said aloud, so that silence about them is not taken for a pass.

site effects      the network reads the scanner or the hospital instead of the disease: Zech and others 2018
                  (doi 10.1371/journal.pmed.1002683), Howard and others 2021 (doi 10.1038/s41467-021-24698-1)
annotation noise  labels that are wrong, in training and in test: Northcutt and others 2021 (arXiv 2103.14749)
hidden strata     a group in which the network fails while the mean looks well: Oakden-Rayner and others 2020
                  (doi 10.1145/3368555.3384468)
"""

from hypercolumn.audit.finding import Finding, Severity


def not_checked() -> list[Finding]:
    """One finding for each pitfall without an audit: why it matters, and what a check would need.

    >>> [finding.code for finding in not_checked()]
    ['A-SITE-NOT-CHECKED', 'A-LABEL-NOISE-NOT-CHECKED', 'A-HIDDEN-STRATA-NOT-CHECKED']
    """
    return [Finding(code, Severity.NOT_CHECKED, claim, remedy=remedy) for code, claim, remedy in PITFALLS]


PITFALLS = (
    (
        "A-SITE-NOT-CHECKED",
        "Not checked: whether the network reads the site, scanner or laboratory instead of the disease. Where one "
        "hospital has more patients with the disease than another, telling the hospitals apart is enough for a good "
        "score: for pneumonia on chest radiographs of two hospitals, sorting by hospital alone gave an AUROC of 0.86 "
        "(Zech 2018).",
        "Name the site and scanner columns, compare the score by site, and test on a site that was never trained on "
        "(leave-one-site-out). A check would need a classifier that tries to tell the site from the network's "
        "features.",
    ),
    (
        "A-LABEL-NOISE-NOT-CHECKED",
        "Not checked: whether labels are wrong. On average at least 3.3 % of the labels in ten widely used test sets "
        "are wrong (Northcutt 2021), and a score cannot be better than the labels that it is measured by.",
        "Have a second reader label a part of the test set without seeing the first labels, and report their "
        "agreement. A check would need out-of-fold probabilities for every record, or the labels of two readers.",
    ),
    (
        "A-HIDDEN-STRATA-NOT-CHECKED",
        "Not checked: whether a group of patients hides behind the mean score. A subtype, a treated group or an "
        "unusual acquisition can be scored far worse than the rest: differences of more than 20 % have been found in "
        "groups that matter to the patient (Oakden-Rayner 2020).",
        "Name the columns that may matter (subtype, treatment, device, sex, age band) as strata, and read the score "
        "of each. A check for groups that no column names would need the network's features and errors.",
    ),
)
