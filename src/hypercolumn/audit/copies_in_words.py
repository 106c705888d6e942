"""Copies in a sentence: an image is copied, a signal shares a stretch of time with another, a sequence has kin.

The rows are what `Similarity.among` may be.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """How one kind of record is spoken of.

    `shared` is what two of them have in common and `copies` what two such are; `exposed` has a place for the test
    records it speaks of; `lookalikes` are alike without being copies.

    >>> WORDS["signals"].exposed.format("2 of 8 test records")
    'A stretch of time in 2 of 8 test records is also in the records that the network learnt from'
    """

    noun: str
    one: str
    shared: str
    copies: str
    exposed: str
    may_be: str
    lookalikes: str
    apart: str


WORDS = {
    "images": Words(
        noun="image",
        one="an image",
        shared="an image",
        copies="copies",
        exposed="Copies of {} are among the records that the network learnt from",
        may_be="flipped, turned, brightened, compressed or cropped",
        lookalikes="empty tiles, test patterns",
        apart="are copies of each other",
    ),
    "signals": Words(
        noun="signal",
        one="a signal",
        shared="a stretch of time",
        copies="signals that share a stretch of time",
        exposed="A stretch of time in {} is also in the records that the network learnt from",
        may_be="shifted or amplified",
        lookalikes="test signals, a rhythm without noise",
        apart="share a stretch of time",
    ),
    "sequences": Words(
        noun="sequence",
        one="a sequence",
        shared="a sequence",
        copies="sequences of one origin",
        exposed="Kin of {} are among the records that the network learnt from",
        may_be="changed in some bases or read on the other strand",
        lookalikes="repeats, adapters",
        apart="are of one origin",
    ),
}
