"""Write docs/conformance.md: `python -m tests.conformance`."""

import sys

from .document import PAGE, render
from .requirements import ROOT, gaps, requirements
from .suites import suites
from .tags import tags_in

rows, tags = requirements(), tags_in(ROOT)
owed = list(gaps(rows, tags))
if owed:
    sys.exit("\n".join(owed))
PAGE.write_text(render(rows, tags, suites()), encoding="utf-8")
