from __future__ import annotations

import sys

from tracehold.neo4j.command import main

sys.exit(main(sys.argv[1:]))
