"""Structures that threads decode for the first time at once, which would end the process."""

from __future__ import annotations

import subprocess
import sys

_AT_ONCE = """
import sys, threading, types

import msgspec

from tracehold.forms import prepare_forms

LINES = ["from __future__ import annotations", "import msgspec"]
for level in range(6):
    LINES.append(f"class Level{level}(msgspec.Struct, frozen=True):")
    LINES += [f"    text{number}: str = ''" for number in range(6)]
    inner = range(6) if level else ()
    LINES += [f"    more{number}: Level{level - 1} | None = None" for number in inner]


def fresh(name):
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(chr(10).join(LINES), vars(module))
    return module.Level5


def decode(form, begin):
    begin.wait()
    msgspec.convert({"text1": "a", "more1": {"more2": {"text2": "b"}}}, form)


forms = [fresh(f"forms{number}") for number in range(200)]
print(prepare_forms())
sys.setswitchinterval(1e-6)
for form in forms:
    begin = threading.Barrier(6)
    threads = [threading.Thread(target=decode, args=(form, begin)) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
"""


def test_threads_that_first_decode_the_same_at_once_do_no_harm() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= 1_200
