"""Reads a model card with huggingface_hub, offline, and prints what its front matter holds."""

import json
import sys

from huggingface_hub import ModelCard, ModelCardData

card = ModelCard.load(sys.argv[1])
data = card.data.to_dict()
again = ModelCardData(**data)
assert again.to_dict() == data, (again.to_dict(), data)
print(json.dumps({"data": data, "text": card.text}))
