"""What every rival in Python shares: requests and answers as lines of JSON, and timing.

A subject imports `serve` and hands it a function per request; the program ends when its standard input does.
"""

import json
import sys
import time


def timed(work, seconds):
    """Seconds of each run of `work`, repeated until `seconds` are over, once at least."""
    runs = []
    end = time.perf_counter() + seconds
    while not runs or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        runs.append(time.perf_counter() - start)
    return runs


def serve(handlers):
    """Answers each line `{"op": ..., ...}` by `handlers[op](**rest)`, whose result must be JSON."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": handlers[request.pop("op")](**request)}
        except Exception as error:  # the other side decides what a failure means
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
