"""Makes tiny sequence classifiers with random heads on the encoders beside this folder, and transformers' logits of them.

usage: python makeClassifiers.py     (torch, transformers, safetensors; writes NAME/ here)"""
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

HERE = Path(__file__).parent
TEXTS = [
    ["How do I open the bolted chest?", "I can't help with that."],
    ["How do I open the oak chest?", "Turn the key."],
    ["a", "b"],
    ["", "word " * 60],
]

torch.set_num_threads(1)
for at, name in enumerate(["bert", "roberta", "deberta"]):
    torch.manual_seed(at)
    encoder = HERE.parent / "encoders" / name
    labels = {0: "safe", 1: "unsafe", 2: "refusal"}
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder, num_labels=3, id2label=labels, label2id={v: k for k, v in labels.items()}, dtype=torch.float32
    ).eval()
    for key, value in model.named_parameters():
        if "classifier" in key or "pooler" in key:
            torch.nn.init.normal_(value, std=0.4)
    stored = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    model.load_state_dict({k: v.float() for k, v in stored.items()})
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    longest = json.loads((encoder / "expected.json").read_text())["max_length"]

    def logits(*parts):
        fields = tokenizer(*parts, truncation=True, max_length=longest, return_tensors="pt")
        fields.pop("token_type_ids", None) if len(parts) == 1 else None
        with torch.no_grad():
            return fields["input_ids"][0].tolist(), model(**fields).logits[0].tolist()

    rows = []
    for first, second in TEXTS:
        row = {"first": first, "second": second}
        row["ids"], row["logits"] = logits(second)
        if name != "bert":  # its pairs need token types
            row["pair_ids"], row["pair_logits"] = logits(first, second)
        rows.append(row)
    out = HERE / name
    out.mkdir(exist_ok=True)
    save_file(stored, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(model.config.to_diff_dict(), indent=1, default=str) + "\n")
    (out / "expected.json").write_text(json.dumps({"max_length": longest, "rows": rows}, indent=1) + "\n")
    print(name, [round(x, 3) for x in rows[0]["logits"]])
