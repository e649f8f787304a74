# Makes python.json: what Python itself gives for patterns, samples and literals. Any Python from 3.11 on:
#
#     python3 makePython.py
import json
import os
import random
import re
import warnings

warnings.simplefilter("ignore")
PATTERNS = [
    r"#### (\-?[0-9\.\,]+)", r"(-?[$0-9.,]{2,})|(-?[0-9]+)", r"(?<=the answer is )(.*)(?=.)", r"(?s).*#### ", r"\.$",
    ",", r"\$", r"The answer is (\-?[0-9\.\,]+).", r"\w+", r"\W", r"\b", r"\B", r"\d{1,2}", r"a{,2}", r"x{2", r"[^\W\d]+",
    r"[]a-]+", r"(?P<q>['\"]).*?(?P=q)", r"(?i)answer:\s*([A-D])", r"(?m)^\S+$", r"[\s,;]+", r"$", r"^", r"(a)|b",
    r"((a)(b)?)+", r"\bthe\b", r"[&&~~-]", r"\u00e9|\x41", r"[\w.-]+@[\w.]+", r"\Z", r"a|", r"\Aé", r"(?:ab)*",
    r"\*\*(.+?)\*\*", r"\\boxed\{([^}]*)\}", r"[^a-zA-Z0-9 ]", r"\(([A-Z])\)", r"(?#words)c.t", r"([\"'])x\1", r"[\b\t-\r]",
]
TEXTS = [
    "", "the answer is (A).", "#### 1,234.5\nQuestion: $3 and 42", "The answer is -7.\n",
    "Héllo wörld_1 ٣ the cat\u2028x\r\ny", "aab ab b", "'x' \"y\" \\boxed{12}", "Answer: b\nanswer:C",
    "a.b-c@d.e, **bold** && --", "\n", "xx{2 xx{2}", "É日本 15% 3.\n", "(A) (B)\u00a0\u0085z \u001c 𝒜b",
]
made = {"patterns": [], "samples": [], "literals": []}
for pattern in PATTERNS:
    compiled = re.compile(pattern)
    rows = []
    for text in TEXTS:
        found = [list(match) if isinstance(match, tuple) else match for match in compiled.findall(text)]
        rows.append([text, found, compiled.sub(r"<\g<0>\\\n>", text), compiled.sub("!", text, count=1)])
    made["patterns"].append([pattern, rows])
for seed in [0, 1, 1234, 2**40 + 7, -5]:
    for size, count in [(5, 3), (30, 5), (100, 5), (1000, 6), (40, 20), (22, 1), (7, 7), (7473, 6), (3, 0)]:
        drawn = random.Random(seed)
        samples = [drawn.sample(range(size), count) for _ in range(3)]
        made["samples"].append([seed, size, count, samples])
for value in [
    ["a'b", 'c"d', "e\n\\f\t", "é日\u2028\x07\x00"], [1, -2.5, 1e20, 1e-7, True, None], [["a"], []], "x", {"a": [1], "b": "c"},
    [], ["it's \"q\""], {}, [[1, [2]], "#"],
]:
    made["literals"].append([repr(value), value])
for text in ["('a' 'b', 3,)", "r'a\\b'", "('a')", "[\n  1,  # one\n  '''two\n''',\n]", "'\\x41\\101\\u00e9\\q'", "-0x1f", "1_000", "+.5"]:
    value = eval(text)
    made["literals"].append([text, list(value) if isinstance(value, tuple) else value])
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "python.json"), "w") as file:
    json.dump(made, file)
