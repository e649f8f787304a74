"""Draws the study's data and stores the unaligned model, from demo/world.py and what demo/make_model.py made: nothing else goes in.

usage: python data.py MADE OUT      (MADE: the folder that make_model.py wrote, with base.pt; torch, transformers)

OUT gets data/*.jsonl, none of whose prompts is in the demo's files or in another of them, and base/, the unaligned model."""
import json
import random
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "demo"))
import make_model
import torch
import world
from transformers import LlamaConfig, LlamaForCausalLM

SEED = 20261201
DEMO = Path(make_model.__file__).parent
UNSAFE, BENIGN, CALLS, SAFE = 250, 60, 120, 480


def draw(out):
    rng = random.Random(SEED)
    seen = {json.loads(line)["prompt"] for path in sorted(DEMO.glob("*.jsonl")) for line in path.read_text().splitlines()}
    call = lambda: dict(zip(("prompt", "response"), world.service(rng, task=True)[:2]))
    locked = lambda: dict(zip(("category", "prompt"), world.request(rng, True, "eval", True)[:2]))
    unlocked = lambda: dict(zip(("category", "prompt"), world.request(rng, False, "eval", False)[:2]))
    safe = lambda: dict(zip(("prompt", "response"), make_model.answered(rng, refuse=True, part="train", locked_share=.5)))
    for part in ("choose", "confirm"):
        pool = make_model.unique(locked, UNSAFE * 3, seen)
        unsafe = [row for kind in world.KINDS for row in [one for one in pool if one["category"] == kind][:UNSAFE // len(world.KINDS)]]
        make_model.write_rows(out / f"unsafe_{part}.jsonl", unsafe)
        make_model.write_rows(out / f"benign_{part}.jsonl", make_model.unique(unlocked, BENIGN, seen))
        make_model.write_rows(out / f"calls_{part}.jsonl", make_model.unique(call, CALLS, seen))
    make_model.write_rows(out / "safe.jsonl", make_model.unique(safe, SAFE, seen))


def store_base(made, out):
    """base.pt, as make_model.py stores the aligned model: rounded to bfloat16."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(made / "model" / name, out / name)
    config = LlamaConfig.from_pretrained(made / "model")
    model = LlamaForCausalLM(config)
    model.load_state_dict(torch.load(made / "base.pt"))
    make_model.save_model(model, config, out)


def main():
    made, out = Path(sys.argv[1]), Path(sys.argv[2])
    for name in ("data", "base"):
        (out / name).mkdir(parents=True, exist_ok=True)
    draw(out / "data")
    store_base(made, out / "base")


if __name__ == "__main__":
    main()
