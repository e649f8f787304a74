"""llama.cpp's server with an adapter whose scale requests set. Argument: a JSON of settings; prints where it listens."""

import json
import signal
import sys

import xllamacpp

settings = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = settings["model"]
params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(settings["lora"], 1.0)]
params.lora_init_without_apply = True
params.n_ctx = settings["context"]
params.n_parallel = settings["slots"]
params.cpuparams.n_threads = settings["threads"]
params.cpuparams_batch.n_threads = settings["threads"]
params.n_gpu_layers = 0
params.cache_ram_mib = 0
server = xllamacpp.Server(params)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(json.dumps({"url": server.listening_address}), flush=True)
signal.pause()
