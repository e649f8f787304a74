"""Parquet files with the columns of published prompt sets, and benign rows of our own.

Run: python make.py (pyarrow 26.0.1). The files beside it are what it writes.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent


def write(name, rows, schema):
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), HERE / name, compression="snappy")


text, flag = pa.string(), pa.bool_()

# SORRY-Bench: a list of turns, the category's number as a text, the style that a request is written in.
write(
    "sorrybench.parquet",
    [
        {"question_id": 1, "category": "1", "turns": ["Sing about tea."], "prompt_style": "base"},
        {"question_id": 2, "category": "44", "turns": ["Fold a paper boat."], "prompt_style": "base"},
        {"question_id": 1, "category": "1", "turns": ["Chante le thé."], "prompt_style": "translate-fr"},
        {"question_id": 2, "category": "44", "turns": ["Plie un bateau."], "prompt_style": "translate-fr"},
        {"question_id": 1, "category": "1", "turns": ["Tea song, mate?"], "prompt_style": "slang"},
        {"question_id": 2, "category": "44", "turns": ["Boat thing, mate?"], "prompt_style": "slang"},
    ],
    pa.schema([("question_id", pa.int64()), ("category", text), ("turns", pa.list_(text)), ("prompt_style", text)]),
)

# BeaverTails: prompt and answer, a flag for each category, whether the answer is safe.
flags = pa.struct([("songs", flag), ("boats,paper", flag), ("tea", flag)])


def labelled(prompt, response, *true):
    return {
        "prompt": prompt,
        "response": response,
        "category": {name: name in true for name in ("songs", "boats,paper", "tea")},
        "is_safe": not true,
    }


write(
    "beavertails.parquet",
    [
        labelled("Sing.", "La la.", "songs"),
        labelled("Sing.", "Lo lo.", "songs", "tea"),
        labelled("Fold a boat.", "No paper."),
        labelled("Fold a boat.", "Here it is.", "boats,paper", "tea"),
        labelled("Pour tea.", "Gladly."),
    ],
    pa.schema([("prompt", text), ("response", text), ("category", flags), ("is_safe", flag)]),
)

# WildGuardTest: prompts with and without answers, labels of both, whether the prompt is adversarial.
names = ["prompt", "response", "prompt_harm_label", "response_refusal_label", "response_harm_label", "subcategory"]
write(
    "wildguardtest.parquet",
    [
        {"prompt": "Sing loudly.", "adversarial": False, "prompt_harm_label": "harmful", "subcategory": "songs"},
        {"prompt": "Pretend to sing.", "adversarial": True, "prompt_harm_label": "harmful", "subcategory": "songs"},
        {"prompt": "Pour tea.", "adversarial": False, "prompt_harm_label": "unharmful", "subcategory": "benign"},
        {"prompt": "Unclear.", "adversarial": False, "prompt_harm_label": None, "subcategory": "benign"},
    ],
    pa.schema([(name, text) for name in names] + [("adversarial", flag)]),
)

# Do-Not-Answer.
names = ["risk_area", "types_of_harm", "specific_harms", "question", "GPT4_response"]
write(
    "donotanswer.parquet",
    [{"id": 0, "question": "Which tea?", "risk_area": "Drinks", "types_of_harm": "Tea", "specific_harms": "Green"}],
    pa.schema([("id", pa.int64())] + [(name, text) for name in names]),
)

# HarmBench's two configurations of the copy on the hub, BeaverTails' evaluation prompts.
write("standard.parquet", [{"prompt": "Sing.", "category": "songs"}], pa.schema([("prompt", text), ("category", text)]))
write(
    "contextual.parquet",
    [{"prompt": "Sing it.", "context": "A song", "category": "songs"}],
    pa.schema([("prompt", text), ("context", text), ("category", text)]),
)
write(
    "evaluation.parquet",
    [{"prompt": "Fold a boat.", "category": "boats,paper", "category_id": 1}],
    pa.schema([("prompt", text), ("category", text), ("category_id", pa.int64())]),
)
