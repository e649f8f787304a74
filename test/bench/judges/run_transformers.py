"""One process of the benchmark of judges: transformers on torch CPU, in batches of prompts of one length, so that nothing is
padded. Argument: a JSON of settings; prints a JSON of seconds. "word": the logits after each prompt; "written": its form."""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM

s = json.loads(sys.argv[1])
torch.set_num_threads(s["threads"])
torch.manual_seed(0)
dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[s["precision"]]
model = AutoModelForCausalLM.from_pretrained(s["model"], dtype=dtype, attn_implementation="sdpa").eval()
common = torch.randint(3, 30000, (1, s["instructions"]))
prompts = torch.cat([common.expand(s["verdicts"], -1), torch.randint(3, 30000, (s["verdicts"], s["answer"]))], 1)
with torch.inference_mode():
    model(prompts[:1, :64], logits_to_keep=1)
    started = time.perf_counter()
    for batch in prompts.split(s["batch"]):
        if s["by"] == "word":
            model(batch, logits_to_keep=1, use_cache=False).logits[:, -1].log_softmax(-1)
        else:
            model.generate(batch, attention_mask=torch.ones_like(batch), do_sample=False, min_new_tokens=s["written"], max_new_tokens=s["written"], pad_token_id=0)
    print(json.dumps({"seconds": time.perf_counter() - started}))
