"""Writes continued.json: what transformers makes of conversations whose last message is continued.

Run with the environment of `npm run setup:peers`: python -P makeContinued.py. Written with transformers 5.23. The templates are
ours, in the manners of published ones.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

TEMPLATES = {
    "as it is": "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "stripped": "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] | trim }}[/]{% endfor %}",
    "stripped, with a space after": "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content.strip() }} [/INST]"
    "{% else %} {{ m.content.strip() }} </s>{% endif %}{% endfor %}",
    "other names": "{% for m in messages %}<turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "</turn>\n{% endfor %}",
    "reasons first": "{% for m in messages %}<|{{ m.role }}|>{% if loop.last and m.role == 'assistant' %}<think>\n\n</think>\n\n"
    "{% endif %}{{ m.content.lstrip('\n') }}<|end|>{% endfor %}",
    "leaves answers out": "{% for m in messages if m.role != 'assistant' %}{{ m.content }}{% endfor %}",
    "in capital letters": "{% for m in messages %}{{ m.content | upper }}{% endfor %}",
    "cut": "{% for m in messages %}{{ m.content[:9] }}{% endfor %}",
}
OPENERS = ["Sure, here", "Sure, here is ", " Sure", "Sure:\n\n", "", "\u00a0Sûr \u2003", "\x1fSure\x1f", "a\ufeff"]


def main():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    cases = []
    for name, template in TEMPLATES.items():
        for opener in OPENERS:
            messages = [{"role": "user", "content": " Sing. "}, {"role": "assistant", "content": opener}]
            try:
                text = tokenizer.apply_chat_template(
                    messages, chat_template=template, tokenize=False, continue_final_message=True
                )
            except ValueError:
                text = None
            cases.append({"name": name, "template": template, "opener": opener, "text": text})
    Path(__file__).with_name("continued.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
