"""Random texts, and what Hugging Face's tokenizers make of them, as JSON on standard output. Several questions are parted by --.

peer.py texts SEED COUNT FOLDER...   the tokenizers of model folders, opened by transformers
peer.py parts SEED COUNT TEXTS       COUNT tokenizers put together at random from the parts of tokenizer.json, TEXTS each
peer.py chats SEED COUNT TEMPLATES   COUNT conversations by each chat template of a JSON file
"""
import json
import os
import random
import sys
import unicodedata

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

# Characters of an old Unicode version, which all libraries know alike.
ASSIGNED = [c for c in range(0x110000) if unicodedata.ucd_3_2_0.category(chr(c)) not in ("Cn", "Cs", "Co")]
SPACES = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u2028\u2029\u202f\u205f\u3000\ufeff\u200b"
UNUSUAL = ["😀", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "👍🏽", "🇩🇪", "e\u0301", "\u212b", "\xc5", "\ufb01", "\xdf", "\u017f", "\u212a",
           "\u0130", "\u0131", "Σς", "ΟΔΟΣ", "\xbd", "\xb2", "٣٤", "१२", "Ⅷ", "①", "漢字", "\u3400", "한국어", "\u0301"]
WORDS = ("the quick brown fox Hello world isn't we'll I'M it's 'S '\u017f don'T def f(x): return x+1 12345 3.14 1,000 "
         "na\xefve caf\xe9 日本語 テスト Привет שלום مرحبا ไทย <x> [INST] <|im_start|> <0x0A> <0xFF> <0x41> ▁ ▁▁a Ġ ĠĠ <s>x </s> "
         "$& \\1 a_b end. what? no! so, 's").split()
CORPUS = ["the quick brown fox jumps over the lazy dog, and it's the dog's day.", "Hello world! Hello, 12345 and 3.14.",
          "def f(x):\n    return x + 1\n", "the theory of the thing and other things", "naïve café über 日本語 Привет"]


def random_text(rng, special):
    parts = []
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 13, 30])):
        kind = rng.random()
        if kind < 0.3:
            parts.append(rng.choice(WORDS))
        elif kind < 0.45:
            parts.append("".join(chr(rng.choice(ASSIGNED)) for _ in range(rng.randint(1, 6))))
        elif kind < 0.55:
            parts.append(rng.choice(UNUSUAL) * rng.randint(1, 3))
        elif kind < 0.7:
            parts.append("".join(rng.choice(SPACES) for _ in range(rng.choice([1, 1, 2, 3, 8, 40]))))
        elif kind < 0.8:
            parts.append(rng.choice(special) if special else "")
        elif kind < 0.87:
            parts.append("".join(chr(rng.randint(0, 0x17F)) for _ in range(rng.randint(1, 8))))
        elif kind < 0.92:
            parts.append("".join(rng.choice("0123456789") for _ in range(rng.randint(1, 12))))
        else:
            parts.append("".join(rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGH.,;:!?'\"()-_/\\") for _ in range(rng.randint(1, 20))))
        if rng.random() < 0.5:
            parts.append(" ")
    return "".join(parts)


def rows_of(rng, count, special, size, encode, decode):
    for _ in range(count):
        text = random_text(rng, special)
        framed = encode(text, True)
        ids = [rng.randrange(size + 3) for _ in range(rng.choice([1, 2, 5, 20]))]
        yield {"text": text, "ids": encode(text, False), "framed": framed,
               "decoded": decode(framed, False), "skipped": decode(framed, True),
               "random": ids, "randomDecoded": decode(ids, False), "randomSkipped": decode(ids, True)}


def texts(seed, count, folders):
    from transformers import AutoTokenizer
    for folder in folders:
        rng = random.Random(seed)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        special = [token.content for token in tokenizer.added_tokens_decoder.values()]
        rows = rows_of(rng, count, special, len(tokenizer),
                       lambda text, frame: tokenizer(text, add_special_tokens=frame)["input_ids"],
                       lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip))
        print(json.dumps({"folder": folder, "rows": list(rows)}))


BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
PATTERNS = [r"\s+", r"\p{L}+", r"\d+|\s", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"\w+", r"[[:punct:]]", r"\b", r"[\u4e00-\u9fff]+"]


def random_pattern(rng):
    return rng.choice([{"String": rng.choice([" ", "▁", "a", ".", "th", "\\"])}, {"Regex": rng.choice(PATTERNS)}])


def random_normalizer(rng, depth=0):
    kind = rng.choice(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Prepend", "Replace", "BertNormalizer", "Sequence"])
    if kind == "Sequence":
        return {"type": kind, "normalizers": [random_normalizer(rng, 1) for _ in range(rng.randint(0, 3))]} if depth == 0 else None or random_normalizer(rng, depth)
    more = {"Strip": lambda: {"strip_left": rng.random() < 0.5, "strip_right": rng.random() < 0.5},
            "Prepend": lambda: {"prepend": rng.choice(["▁", "ab"])},
            "Replace": lambda: {"pattern": random_pattern(rng), "content": rng.choice(["▁", "", "$&", "xy"])},
            "BertNormalizer": lambda: {"clean_text": rng.random() < 0.7, "handle_chinese_chars": rng.random() < 0.7,
                                       "strip_accents": rng.choice([None, True, False]), "lowercase": rng.random() < 0.5}}
    return {"type": kind} | more.get(kind, dict)()


def random_pre_tokenizer(rng, depth=0):
    kind = rng.choice(["ByteLevel", "Split", "Split", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit",
                       "BertPreTokenizer", "CharDelimiterSplit", "Metaspace", "Sequence"])
    if kind == "Sequence":
        return {"type": kind, "pretokenizers": [random_pre_tokenizer(rng, 1) for _ in range(rng.randint(1, 3))]} if depth == 0 else random_pre_tokenizer(rng, depth)
    more = {"ByteLevel": lambda: {"add_prefix_space": rng.random() < 0.5, "trim_offsets": True, "use_regex": rng.random() < 0.5},
            "Split": lambda: {"pattern": random_pattern(rng), "behavior": rng.choice(BEHAVIORS), "invert": rng.random() < 0.3},
            "Digits": lambda: {"individual_digits": rng.random() < 0.5},
            "Punctuation": lambda: {"behavior": rng.choice(BEHAVIORS)},
            "CharDelimiterSplit": lambda: {"delimiter": rng.choice(["-", " ", "a"])},
            "Metaspace": lambda: {"replacement": "▁", "prepend_scheme": rng.choice(["always", "first", "never"] if depth == 0 else ["always", "never"]), "split": rng.random() < 0.5}}
    return {"type": kind} | more.get(kind, dict)()


def random_decoder(rng, depth=0):
    kind = rng.choice(["ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace", "WordPiece", "BPEDecoder", "Sequence", "Sequence"])
    if kind == "Sequence":
        return {"type": kind, "decoders": [random_decoder(rng, 1) for _ in range(rng.randint(1, 4))]} if depth == 0 else random_decoder(rng, depth)
    more = {"ByteLevel": lambda: {"add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "Replace": lambda: {"pattern": {"String": rng.choice(["▁", "a"])}, "content": rng.choice([" ", "$&", ""])},
            "Strip": lambda: {"content": rng.choice([" ", "t"]), "start": rng.randint(0, 3), "stop": 0},
            "Metaspace": lambda: {"replacement": "▁", "prepend_scheme": rng.choice(["always", "first", "never"]), "split": True},
            "WordPiece": lambda: {"prefix": "##", "cleanup": rng.random() < 0.5},
            "BPEDecoder": lambda: {"suffix": rng.choice(["</w>", "e"])}}
    return {"type": kind} | more.get(kind, dict)()


def random_model(rng):
    """A model trained on the corpus, with its settings varied."""
    kind = rng.choice(["BPE", "BPE", "BPE", "WordPiece", "WordLevel", "Unigram"])
    special = ["<unk>"] + ([f"<0x{byte:02X}>" for byte in range(256)] if rng.random() < 0.4 else [])
    if kind == "WordLevel":
        words = sorted({word for line in CORPUS for word in line.split()} | set("abcdefghij ▁.,"))
        return {"type": kind, "unk_token": "<unk>", "vocab": {token: index for index, token in enumerate(["<unk>"] + words)}}
    model = {"BPE": models.BPE(unk_token="<unk>"), "WordPiece": models.WordPiece(unk_token="<unk>"), "Unigram": models.Unigram()}[kind]
    trainer = {"BPE": trainers.BpeTrainer, "WordPiece": trainers.WordPieceTrainer, "Unigram": trainers.UnigramTrainer}[kind]
    settings = {"vocab_size": 420, "special_tokens": special, "show_progress": False}
    if kind == "Unigram":
        settings["unk_token"] = "<unk>"
    tokenizer = Tokenizer(model)
    lines = CORPUS
    if rng.random() < 0.5:
        lines = [line.replace(" ", "▁") for line in CORPUS] * 2
    elif kind == "BPE":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        settings["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(lines * 5, trainer(**settings))
    result = json.loads(tokenizer.to_str())["model"]
    if kind == "BPE":
        result |= {"fuse_unk": rng.random() < 0.5, "byte_fallback": rng.random() < 0.5, "ignore_merges": rng.random() < 0.5}
        if rng.random() < 0.3:
            result["unk_token"] = None
    if kind == "Unigram":
        result["byte_fallback"] = rng.random() < 0.5
    if kind == "WordPiece":
        result["max_input_chars_per_word"] = rng.choice([3, 10, 100])
    return result


def random_added(rng, size):
    contents = rng.sample(["<s>", "</s>", "<x>", "<xy>", "<x y>", "the", "é", "[INST]", "  ", "ab", "İ"], rng.randint(0, 6))
    return [{"id": size + index, "content": content, "single_word": rng.random() < 0.2, "lstrip": rng.random() < 0.2,
             "rstrip": rng.random() < 0.2, "normalized": rng.random() < 0.4, "special": rng.random() < 0.6}
            for index, content in enumerate(contents)]


def random_post_processor(rng, added):
    if not added or rng.random() < 0.4:
        return rng.choice([None, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}])
    first, last = rng.choice(added), rng.choice(added)
    if rng.random() < 0.3:
        return {"type": rng.choice(["BertProcessing", "RobertaProcessing"]), "sep": [last["content"], last["id"]],
                "cls": [first["content"], first["id"]], "trim_offsets": True, "add_prefix_space": False}
    token = lambda one: {"SpecialToken": {"id": one["content"], "type_id": 0}}  # noqa: E731
    text = [{"Sequence": {"id": "A", "type_id": 0}}]
    template = {"type": "TemplateProcessing", "single": [token(first)] + text + ([token(last)] if rng.random() < 0.5 else []),
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {one["content"]: {"id": one["content"], "ids": [one["id"]], "tokens": [one["content"]]} for one in (first, last)}}
    return rng.choice([template, {"type": "Sequence", "processors": [template]}])


def parts(seed, count, texts_each):
    rng = random.Random(seed)
    while count > 0:
        model = random_model(rng)
        vocabulary = model["vocab"]
        known = set(vocabulary) if isinstance(vocabulary, dict) else {token for token, _ in vocabulary}
        size = len(vocabulary)
        added = [token for token in random_added(rng, size) if token["content"] not in known]
        for index, token in enumerate(added):
            token["id"] = size + index
        spec = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
                "normalizer": random_normalizer(rng) if rng.random() < 0.6 else None,
                "pre_tokenizer": random_pre_tokenizer(rng) if rng.random() < 0.7 else None,
                "post_processor": random_post_processor(rng, added),
                "decoder": random_decoder(rng) if rng.random() < 0.8 else None, "model": model}
        # "first" asks for the place in the text as it was given, which a normalizer may have moved.
        if spec["normalizer"] and (spec["pre_tokenizer"] or {}).get("prepend_scheme") == "first":
            spec["pre_tokenizer"]["prepend_scheme"] = "never"
        try:
            tokenizer = Tokenizer.from_str(json.dumps(spec))
            # Of tokens that are one text once normalised, the library takes any.
            looks = [tokenizer.normalizer.normalize_str(token["content"]) if spec["normalizer"] and token["normalized"]
                     else token["content"] for token in added]
            if len(set(looks)) < len(looks):
                continue
            rows = list(rows_of(rng, texts_each, [token["content"] for token in added], size + len(added),
                                lambda text, frame: tokenizer.encode(text, add_special_tokens=frame).ids,
                                lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip)))
        except BaseException:  # what the library itself refuses, or panics at
            continue
        count -= 1
        print(json.dumps({"tokenizer": spec, "rows": rows}))


ASIDES = ["", "", " ", "\n", "\n\n", "\t", "\u3000", "\ufeff", "\x1c", "\x85", "\xa0"]
SAYINGS = ["Hello there", "it's caf\xe9 日本 😀", "<think>\nhm\n\n</think>\n\nYes", "line\nline2  ", "'quotes' \"double\" \\ back", "",
           "a<b>&c", "<tool_response>x</tool_response>", "UPPER lower \xdcn\xef", "|a|b||", "𝔘𝔫𝔦"]


def chats(seed, count, path):
    from transformers.utils.chat_template_utils import _compile_jinja_template
    rng = random.Random(seed)
    for name, text in json.load(open(path)).items():
        template = _compile_jinja_template(text)
        for _ in range(count):
            roles = (["system"] if rng.random() < 0.4 else []) + ["user", "assistant"] * 3
            if rng.random() < 0.2:
                rng.shuffle(roles)
            messages = [{"role": role, "content": rng.choice(ASIDES) + rng.choice(SAYINGS) + rng.choice(ASIDES)}
                        for role in roles[:rng.randint(1, 6)]]
            prompted = rng.random() < 0.5
            row = {"name": name, "messages": messages, "addGenerationPrompt": prompted}
            try:
                row["text"] = template.render(messages=messages, tools=None, documents=None, add_generation_prompt=prompted,
                                              bos_token="<s>", eos_token="</s>")
            except Exception as error:
                row["error"] = str(error)
            print(json.dumps(row))


def answer(words):
    if words[0] == "chats":
        chats(int(words[1]), int(words[2]), words[3])
    elif words[0] == "texts":
        texts(int(words[1]), int(words[2]), words[3:])
    else:
        parts(int(words[1]), int(words[2]), int(words[3]))


words = []
for word in [*sys.argv[1:], "--"]:
    if word != "--":
        words.append(word)
        continue
    answer(words)
    print("null")  # the end of its rows
    words = []
