"""The examples in docstrings and the code blocks of the documentation are run like tests.

What a machine remembers (the fastest method, the fastest precision) is neither read nor written by tests.
"""

import os
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

examples = Sybil(parsers=[DocTestParser(optionflags=ELLIPSIS | NORMALIZE_WHITESPACE)], path="src", patterns=["*.py"])
pages = Sybil(parsers=[PythonCodeBlockParser()], patterns=["README.md", "docs/*.md"])
pytest_collect_file = (examples + pages).pytest()
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="hypercolumn-tests-")
