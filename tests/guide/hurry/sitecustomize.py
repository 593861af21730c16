"""Loaded by Python before a sample: its text is as printed.

Its pauses are short, and a line that it prints is written in one piece, however many threads print.
"""

import builtins
import sys
import time

_print, _sleep = builtins.print, time.sleep


def _whole_lines(*values, sep=" ", end="\n", file=None, flush=False):
    text = (" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end)
    _print(text, end="", file=file or sys.stdout, flush=flush)


builtins.print = _whole_lines
time.sleep = lambda seconds: _sleep(min(seconds, 0.3))
