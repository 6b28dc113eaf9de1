from __future__ import annotations

from tracehold.cli.main import main

main()
