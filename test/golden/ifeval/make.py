"""Answers to IFEval's 25 kinds of instructions, and what lm-evaluation-harness 0.4.13 says of each: 40 a kind.

pip install lm-eval==0.4.13 nltk langdetect immutabledict, and NLTK's punkt_tab where NLTK_DATA says. The modules of the task
are imported without the package around them, which needs torch. The texts are ours: sentences.json in 29 languages, and
changes of them that instructions ask for.
"""
import importlib.util
import json
import random
import sys
import types
from pathlib import Path

import langdetect

here = Path(__file__).parent
root = Path(importlib.util.find_spec("lm_eval").submodule_search_locations[0])
package = types.ModuleType("lm_eval")
package.__path__ = [str(root)]
sys.modules["lm_eval"] = package
from lm_eval.tasks.ifeval import instructions_registry as registry, utils  # noqa: E402

langdetect.DetectorFactory.seed = 0
rng = random.Random(20261201)
languages = json.loads((here / "sentences.json").read_text())
english = languages["en"] + [
    "Dr. Smith lives at 21 St. James Ave. near the U.S. embassy, e.g. two doors away.", "It costs 3.50 dollars... or maybe more?",
    "WAIT! Is this REALLY the well-known NASA report?", "I CAN'T say; it's J. R. Moore who knows.", "First, wash the rice (two cups).",
    "He asked: \"Why not?\" and left.", "Version 2.0 of the plan is due on Jan. 5 at 10 a.m. sharp.", "Nothing here needs an answer.",
    "Please write to [name] at [address] before [date].", "The cats sat, the dogs ran, and the birds sang.", "What a day! We went home.",
]


def paragraph(least=1):
    return " ".join(rng.choice(english) for _ in range(rng.randint(least, 5)))


def decorate(text):
    kind = rng.randrange(14)
    lines = text.split(". ")
    if kind == 0:
        return "\n".join(f"* {line}" for line in lines)
    if kind == 1:
        return "- " + "\n - ".join(lines) + "\n**bold** and *light* and ** **"
    if kind == 2:
        return f"Here is my answer:\n{text}\n\nP.S. {rng.choice(english)}"
    if kind == 3:
        return f"{text}\n***\n{paragraph()}\n***\n{rng.choice(['', paragraph()])}"
    if kind == 4:
        return f"{paragraph()}\n******\n{rng.choice([text, '', paragraph()])}"
    if kind == 5:
        return f"<<{rng.choice(['A calm river', ' ', ''])}>>\n\n{text}"
    if kind == 6:
        return f"\"{text}\"" + rng.choice(["", "\n", " end"])
    if kind == 7:
        return text.upper()
    if kind == 8:
        return text.lower()
    if kind == 9:
        return rng.choice(["```json\n%s\n```", "%s", "```%s```", "Sure:\n%s"]) % json.dumps({"answer": text, "n": rng.choice([1, None, float("nan")])})
    if kind == 10:
        return f"Section 1\n{text}\nSECTION 2 {paragraph()}\nSection 3:\n{paragraph()}"
    if kind == 11:
        return f"{text}\n\n{paragraph()}\n\n\n{paragraph()}"
    if kind == 12:
        return f"{text} {rng.choice(['My answer is no.', 'My answer is maybe.', 'Any other questions?', 'p. p. s goodbye'])}"
    return text


def answer():
    if rng.random() < 0.08:
        return rng.choice(["", " \n", "OK", "My answer is yes.", "[a] [b\nc] [d]", "{}", "*", "**", "a, b"])
    if rng.random() < 0.15:
        return " ".join(rng.sample(rng.choice(list(languages.values())), rng.randint(1, 3)))
    return decorate(paragraph())


relation = lambda: rng.choice(["less than", "at least"])  # noqa: E731
WORDS = ["river", "map", "dogs", "smith", "the", "not", "birds", "answer", "home", "well-known", "U.S.", "a"]
ARGUMENTS = {
    "keywords:existence": lambda: {"keywords": rng.sample(WORDS, rng.randint(1, 2))},
    "keywords:frequency": lambda: {"keyword": rng.choice(WORDS), "frequency": rng.randint(1, 4), "relation": relation()},
    "keywords:forbidden_words": lambda: {"forbidden_words": rng.sample(WORDS, rng.randint(1, 3))},
    "keywords:letter_frequency": lambda: {"letter": rng.choice("aeqtzE"), "let_frequency": rng.randint(1, 25), "let_relation": relation()},
    "language:response_language": lambda: {"language": rng.choice(list(languages))},
    "length_constraints:number_sentences": lambda: {"num_sentences": rng.randint(1, 8), "relation": relation()},
    "length_constraints:number_paragraphs": lambda: {"num_paragraphs": rng.randint(1, 3)},
    "length_constraints:number_words": lambda: {"num_words": rng.randint(5, 80), "relation": relation()},
    "length_constraints:nth_paragraph_first_word": lambda: {"num_paragraphs": (n := rng.randint(1, 3)), "nth_paragraph": rng.randint(1, n),
                                                            "first_word": rng.choice(["The", "Our", "it", "wait", "first", "here", "i"])},
    "detectable_content:number_placeholders": lambda: {"num_placeholders": rng.randint(1, 4)},
    "detectable_content:postscript": lambda: {"postscript_marker": rng.choice(["P.S.", "P.P.S", "N.B."])},
    "detectable_format:number_bullet_lists": lambda: {"num_bullets": rng.randint(1, 4)},
    "detectable_format:number_highlighted_sections": lambda: {"num_highlights": rng.randint(1, 3)},
    "detectable_format:multiple_sections": lambda: {"section_spliter": rng.choice(["Section", "SECTION", "Day"]), "num_sections": rng.randint(1, 3)},
    "combination:repeat_prompt": lambda: {"prompt_to_repeat": rng.choice(english[:3])},
    "startend:end_checker": lambda: {"end_phrase": rng.choice(["Any other questions?", "goodbye", "home.", "sang.", "My answer is no."])},
    "change_case:capital_word_frequency": lambda: {"capital_frequency": rng.randint(1, 12), "capital_relation": relation()},
}
# answers that an instruction needs to be followed at all, drawn half of the time
SUITED = {
    "language:response_language": lambda args: " ".join(languages[args["language"]]),
    "detectable_format:json_format": lambda args: rng.choice(["```json\n%s\n```", "%s", "```\n%s```"]) % json.dumps({"a": [1, "NaN, \\\" b"]}),
    "combination:repeat_prompt": lambda args: args["prompt_to_repeat"].upper() + "\n" + paragraph(),
    # langdetect takes short lines for another language: whole answers are longer
    "change_case:english_capital": lambda args: paragraph(3).upper(),
    "change_case:english_lowercase": lambda args: paragraph(3).lower(),
    "length_constraints:number_paragraphs": lambda args: "\n***\n".join(paragraph() for _ in range(args["num_paragraphs"])),
    "length_constraints:nth_paragraph_first_word": lambda args: "\n\n".join("'" + args["first_word"] + ", " + paragraph() for _ in range(args["num_paragraphs"])),
    "combination:two_responses": lambda args: paragraph() + "\n******\n" + paragraph(),
    "startend:end_checker": lambda args: paragraph() + " " + args["end_phrase"] + rng.choice(["", '"', "\n"]),
    "punctuation:no_comma": lambda args: paragraph().replace(",", ""),
    "startend:quotation": lambda args: '"' + paragraph() + '"',
    "detectable_format:number_highlighted_sections": lambda args: rng.choice(["**%s** and *%s*, * *", "*%s*\n**%s**", "*%s **%s** x*"]) % (paragraph(), "a map"),
    "detectable_format:multiple_sections": lambda args: "\n".join(f"{args['section_spliter']} {n + 1}\n{paragraph()}" for n in range(args["num_sections"])),
    "detectable_format:number_bullet_lists": lambda args: "\n".join(f"* {paragraph()}" for _ in range(args["num_bullets"])),
    "detectable_format:title": lambda args: f"<<A title>>\n{paragraph()}",
    "detectable_format:constrained_response": lambda args: "*My answer is yes.*",
    "detectable_content:postscript": lambda args: paragraph() + "\n" + args["postscript_marker"] + " bye",
}

cases = []
for kind in registry.INSTRUCTION_DICT:
    for index in range(40):
        args = ARGUMENTS.get(kind, dict)()
        text = SUITED[kind](args) if kind in SUITED and index % 2 else answer()
        example = utils.InputExample(key=0, instruction_id_list=[kind], prompt="", kwargs=[args])
        strict = utils.test_instruction_following_strict(example, text).follow_instruction_list[0]
        loose = utils.test_instruction_following_loose(example, text).follow_instruction_list[0]
        cases.append({"kind": kind, "args": args, "text": text, "strict": bool(strict), "loose": bool(loose)})
(here / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n")
print(len(cases))
