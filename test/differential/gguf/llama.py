"""llama.cpp through its C interface: what it makes of a GGUF file, for tests to compare with.

llama.py LIBRARIES REQUESTS: the folder of llama.cpp's shared libraries, and a file of JSON requests, one a line; prints one
answer a line.
  {"model": PATH, "texts": [...]}                ids of each text, without added tokens
  {"model": PATH, "prompts": [[ids]], "new": N}  logits after each id of a prompt, and N greedy ids that follow it
  {"quantise": PATH, "to": PATH, "type": N}      llama_model_quantize with a number of llama_ftype
  {"encode": PATH, "rows": N, "row": N, "type": N, "to": PATH}   ggml_quantize_chunk of a file of float32
"""

import base64
import ctypes as c
import json
import os
import sys
import time

import numpy as np


class Parameters(c.Structure):
    """Of any of its functions: they are larger than what the library knows of them, which only reads its part."""

    _fields_ = [("bytes", c.c_uint8 * 1024)]

    def set(self, offset, kind, value):
        kind.from_buffer(self, offset).value = value


class Batch(c.Structure):
    _fields_ = [("n_tokens", c.c_int32)] + [
        (name, c.c_void_p) for name in ("token", "embd", "pos", "n_seq_id", "seq_id", "logits")
    ]


folder = sys.argv[1]
names = sorted(os.listdir(folder))


def load(start):
    name = next(n for n in names if n.startswith(start))
    return c.CDLL(os.path.join(folder, name), mode=c.RTLD_GLOBAL)


base, ggml, llama = load("libggml-base."), load("libggml."), load("libllama.")
quiet = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)(
    lambda level, text, _: sys.stderr.write(text.decode("utf8", "replace")) if level >= 4 else None
)
llama.llama_log_set(quiet, None)
ggml.ggml_backend_load_all_from_path(folder.encode())
llama.llama_backend_init()
for name in ("model", "context", "model_quantize"):
    getattr(llama, f"llama_{name}_default_params").restype = Parameters
for name in ("llama_model_load_from_file", "llama_init_from_model", "llama_model_get_vocab"):
    getattr(llama, name).restype = c.c_void_p
llama.llama_model_load_from_file.argtypes = [c.c_char_p, Parameters]
llama.llama_init_from_model.argtypes = [c.c_void_p, Parameters]
llama.llama_model_get_vocab.argtypes = [c.c_void_p]
llama.llama_vocab_n_tokens.argtypes = [c.c_void_p]
llama.llama_tokenize.argtypes = [c.c_void_p, c.c_char_p, c.c_int32, c.c_void_p, c.c_int32, c.c_bool, c.c_bool]
llama.llama_decode.argtypes = [c.c_void_p, Batch]
llama.llama_get_logits_ith.argtypes = [c.c_void_p, c.c_int32]
llama.llama_get_logits_ith.restype = c.POINTER(c.c_float)
llama.llama_set_n_threads.argtypes = [c.c_void_p, c.c_int32, c.c_int32]
llama.llama_free.argtypes = llama.llama_model_free.argtypes = [c.c_void_p]
llama.llama_model_quantize.argtypes = [c.c_char_p, c.c_char_p, c.c_void_p]
base.ggml_quantize_chunk.argtypes = [c.c_int, c.c_void_p, c.c_void_p] + [c.c_int64] * 3 + [c.c_void_p]
base.ggml_quantize_chunk.restype = c.c_size_t


def open_model(path):
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    if not model:
        raise ValueError(f"llama.cpp cannot load {path}")
    return model


def tokenize(model, texts):
    vocabulary = llama.llama_model_get_vocab(model)
    answer = []
    for text in texts:
        data = text.encode("utf8")
        ids = (c.c_int32 * (len(data) + 8))()
        count = llama.llama_tokenize(vocabulary, data, len(data), ids, len(ids), False, True)
        answer.append(list(ids[:count]))
    return answer


def decode(context, ids, start, vocabulary):
    """Logits after each id."""
    n = len(ids)
    sequence = (c.c_int32 * 1)(0)
    arrays = {
        "token": (c.c_int32 * n)(*ids),
        "pos": (c.c_int32 * n)(*range(start, start + n)),
        "n_seq_id": (c.c_int32 * n)(*[1] * n),
        "seq_id": (c.c_void_p * n)(*[c.addressof(sequence)] * n),
        "logits": (c.c_int8 * n)(*[1] * n),
    }
    batch = Batch(n_tokens=n, **{name: c.addressof(array) for name, array in arrays.items()})
    if llama.llama_decode(context, batch) != 0:
        raise SystemExit("llama_decode failed")
    rows = [np.ctypeslib.as_array(llama.llama_get_logits_ith(context, i), (vocabulary,)).copy() for i in range(n)]
    return np.stack(rows)


def answer_prompts(model, prompts, new):
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    answers = []
    for prompt in prompts:
        parameters = llama.llama_context_default_params()
        for offset in (0, 4, 8):  # n_ctx, n_batch, n_ubatch
            parameters.set(offset, c.c_uint32, 256)
        context = llama.llama_init_from_model(model, parameters)
        llama.llama_set_n_threads(context, 1, 1)  # several would wait for each other where others compute
        logits = decode(context, prompt, 0, vocabulary)
        greedy, last = [], logits[-1]
        for step in range(new):
            greedy.append(int(last.argmax()))
            last = decode(context, greedy[-1:], len(prompt) + step, vocabulary)[-1]
        llama.llama_free(context)
        answers.append({"logits": base64.b64encode(logits.astype("<f4").tobytes()).decode(), "greedy": greedy})
    return answers


def run(request):
    if "quantise" in request:
        parameters = llama.llama_model_quantize_default_params()
        parameters.set(0, c.c_int32, request.get("threads", 1))
        parameters.set(4, c.c_int32, request["type"])
        parameters.set(16, c.c_bool, True)  # of types that are quantised already, too
        started, before = time.monotonic(), time.process_time()
        status = llama.llama_model_quantize(request["quantise"].encode(), request["to"].encode(), c.byref(parameters))
        seconds, cpu = time.monotonic() - started, time.process_time() - before
        return {"status": status, "seconds": seconds, "cpu": cpu}
    if "encode" in request:
        values = np.fromfile(request["encode"], dtype="<f4")
        out = np.zeros(values.nbytes, dtype=np.uint8)
        rows, row = request["rows"], request["row"]
        size = base.ggml_quantize_chunk(request["type"], values.ctypes.data, out.ctypes.data, 0, rows, row, None)
        out[:size].tofile(request["to"])
        return {"bytes": size}
    model = open_model(request["model"])
    answer = {}
    if "texts" in request:
        answer["texts"] = tokenize(model, request["texts"])
    if "prompts" in request:
        answer["prompts"] = answer_prompts(model, request["prompts"], request.get("new", 0))
    llama.llama_model_free(model)
    return answer


for line in open(sys.argv[2], encoding="utf8"):
    print(json.dumps(run(json.loads(line))), flush=True)
