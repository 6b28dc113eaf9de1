"""A server as ``tracehold up`` starts it, with one part exchanged, to measure the others.

What is exchanged goes through the composition root. It is no setting of the product: a workspace
that stores text unscrubbed by a switch would break its promise by a switch.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lineage.openlineage.scrub import Cleaned
from tracehold.http.server import serve
from tracehold.settings import load
from tracehold.workspace import read_token

if TYPE_CHECKING:
    from tracehold.services import Services


class Verbatim:
    """A scrubber that masks nothing."""

    def clean(self, facet: str, raw: bytes) -> Cleaned:
        """The facet as it came."""
        return Cleaned(msgspec.Raw(raw), ())


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="as for `up`; it always answers so")
    parser.add_argument("--no-scrub", action="store_true")
    parser.add_argument("--no-fold", action="store_true")
    options = parser.parse_args()
    settings = load(options.workspace)

    def prepare(services: Services) -> None:
        if options.no_scrub:
            services.scrubber = Verbatim()
        if options.no_fold:
            services.advancer = None

    def ready(url: str, _: Services) -> None:
        token = read_token(settings, settings.workspace.person)
        print(json.dumps({"url": url, "token": token, "graph": "embedded"}), flush=True)

    serve(settings, port=options.port, ready=ready, prepare=prepare)


if __name__ == "__main__":
    main()
