// Pickles made to harm: code in every form that a pickle can hold it, objects without end, archives that lie. Nothing is run,
// nothing grows without bound, and every file is read or refused with one of our errors.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readPickle } from "../../lib/checkpoint/formats/pickle/readPickle.js";
import { RetemperError } from "../../lib/errors.js";
import { casesOf, long } from "../long.js";
import { failure, workspace } from "../unit/checkpoint/fixtures.js";
import { generator } from "./mutations.js";
import {
  dict,
  global,
  int,
  MARK,
  pickle,
  REDUCE,
  STOP,
  storage,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  zip,
} from "./pickles.js";

const work = workspace();
const mark = work.path("ran");
const command = `touch ${mark}`;
const python = `open(${JSON.stringify(mark)}, "w").close()`;

/** Pickles that run something where Python loads them, and the name that refuses them here. */
const ATTACKS: readonly (readonly [string, Buffer, string])[] = [
  ["os.system", pickle(global("os", "system"), tuple(text(command)), REDUCE, STOP), "os.system"],
  ["posix.system of protocol 0", pickle(`cposix\nsystem\n(S'${command}'\ntR.`), "posix.system"],
  [
    "builtins.eval",
    pickle(
      global("builtins", "eval"),
      tuple(text(`__import__("os").system(${JSON.stringify(command)})`)),
      REDUCE,
      STOP,
    ),
    "builtins.eval",
  ],
  [
    "builtins.exec",
    pickle(0x80, 4, text("builtins"), text("exec"), 0x93, tuple(text(python)), REDUCE, STOP),
    "builtins.exec",
  ],
  [
    "subprocess by NEWOBJ",
    pickle(0x80, 2, global("subprocess", "Popen"), tuple(tuple(text("touch"), text(mark))), 0x81, STOP),
    "subprocess.Popen",
  ],
  ["os.system by INST", pickle(MARK, text(command), "ios\nsystem\n", STOP), "os.system"],
  ["os.system by OBJ", pickle(MARK, global("os", "system"), text(command), "o", STOP), "os.system"],
  [
    "a call of what a call gave",
    pickle(
      pickle(global("builtins", "getattr"), tuple(global("os", "__dict__"), text("get")), REDUCE),
      ...[tuple(text("system")), REDUCE, tuple(text(command)), REDUCE, STOP],
    ),
    "builtins.getattr",
  ],
  [
    "torch.load in the pickle",
    pickle(global("torch.storage", "_load_from_bytes"), tuple(text("x")), REDUCE, STOP),
    "torch.storage._load_from_bytes",
  ],
  ["runpy", pickle(global("runpy", "_run_code"), tuple(text(python), "}"), REDUCE, STOP), "runpy._run_code"],
  [
    "importlib",
    pickle(global("importlib", "import_module"), tuple(text("antigravity")), REDUCE, STOP),
    "importlib.import_module",
  ],
  [
    "numpy",
    pickle(global("numpy.testing._private.utils", "runstring"), tuple(text(python), "}"), REDUCE, STOP),
    "numpy.testing",
  ],
  ["a module of the folder", pickle(global("canary", "run"), ")", REDUCE, STOP), "canary.run"],
  ["a name with dots", pickle(global("torch", "os.system"), tuple(text(command)), REDUCE, STOP), "torch.os.system"],
  [
    "a name with a line of a terminal",
    pickle(0x80, 4, text("os\u001b[2J"), text("system"), 0x93, STOP),
    "os?[2J.system",
  ],
  ["the registry of extensions", pickle(0x80, 2, 0x82, 1, ")", REDUCE, STOP), "0x82"],
  [
    "a state that is set",
    pickle(tensor(storage("0", 1), 0, [1], [1]), "}", text("__class__"), text("x"), "s", "b", STOP),
    "sets the state of a tensor",
  ],
  ["a buffer from elsewhere", pickle(0x80, 5, 0x97, STOP), "0x97"],
  ["a persistent id of protocol 0", pickle("Pos.system\n."), '"P"'],
  ["a storage of another class", pickle(storage("0", 1, global("os", "system")), STOP), "os.system"],
  [
    "a module that was saved whole",
    pickle(tuple(text("module"), global("torch", "Tensor"), text("x.py"), text(python)), "Q", STOP),
    "no storage",
  ],
  [
    "a tensor made by another function",
    pickle(
      global("torch._tensor", "_rebuild_from_type_v2"),
      tuple(global("torch", "Tensor"), global("torch", "Tensor"), tuple(), "N"),
      REDUCE,
      STOP,
    ),
    "torch._tensor._rebuild_from_type_v2",
  ],
];

describe("code in a pickle", () => {
  it("is run by Python, so that its absence here says something", ({ skip }) => {
    // Each in a process of its own, which costs less as the copy of one that has started.
    const program = `
import os, pickle, sys
ran = 0
for payload in sys.stdin.read().split():
    child = os.fork()
    if child == 0:
        sys.stderr = sys.stdout = open(os.devnull, "w")
        try:
            pickle.loads(bytes.fromhex(payload))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    if os.path.exists(sys.argv[1]):
        ran += 1
        os.remove(sys.argv[1])
print(ran)`;
    const input = ATTACKS.map(([, payload]) => payload.toString("hex")).join("\n");
    let ran = 0;
    try {
      ran = Number(execFileSync("python3", ["-c", program, mark], { input, stdio: ["pipe", "pipe", "ignore"] }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return skip("there is no Python here");
      throw error;
    }
    expect(ran).toBeGreaterThanOrEqual(6);
  });

  it.each(ATTACKS)("is refused by its name, and not run: %s", async (name, payload, shown) => {
    const place = name.replaceAll(" ", "-");
    const files = [payload, torchZip(payload, { "0": 1 }), torchLegacy(payload, { "0": 1 })];
    // also where it hides among tensors, in what is thrown away
    const hidden = pickle(
      0x80,
      2,
      payload.subarray(0, -1),
      "0",
      dict({ w: tensor(storage("0", 1), 0, [1], [1]) }).subarray(2),
    );
    files.push(torchZip(hidden, { "0": 1 }), torchLegacy(hidden, { "0": 1 }));
    for (const [i, bytes] of files.entries()) {
      const error = await failure(readPickle(work.write(`${place}/${i}.bin`, bytes)));
      expect(error.code).toBe("BAD_INPUT");
      expect(error.message).toContain(shown);
      expect(error.message).not.toContain("\u001b");
      expect(error.hint).toContain("Nothing of it was run");
    }
    expect(existsSync(mark)).toBe(false);
  });
});

describe("a pickle without bounds", () => {
  const twice = (inner: Buffer, times: number) => {
    // [x, x], of which each is a list of the one before
    const parts: Buffer[] = [inner, pickle("q", 0)];
    for (let i = 1; i <= times; i++) parts.push(pickle("0", "]", "h", i - 1, "a", "h", i - 1, "a", "q", i));
    return pickle(0x80, 2, ...parts, STOP);
  };
  const repeated = (piece: string, times: number) => Buffer.from(piece.repeat(times), "latin1");

  /** Small pieces, so many that what they make is more than memory should hold. */
  const many: readonly (readonly [string, string, number])[] = [
    ["of empty lists", "]", 4_000_000],
    ["of marks", "(", 17_000_000],
    ["of memo places", "]\x94", 2_500_000],
    // the longest pickle that is read holds no more than may be made
    ["of numbers that are thrown away", "K\x010", 33_000_000],
    ["of protocols", "\x80\x02", 34_000_000],
  ];

  it.each<readonly [string, Buffer, RegExp]>([
    ...casesOf(many, many.slice(0, 1)).map(
      ([name, piece, times]) =>
        [name, pickle(repeated(piece, times), STOP), /more objects|more or less than one value/] as const,
    ),
    ["of lists that hold each other", twice(Buffer.from("]"), 200), /holds a list/],
    ["of lists that hold themselves", pickle(0x80, 2, "]q\x00h\x00a."), /holds a list/],
    ["of a text beyond its end", pickle("X", Buffer.from("ffffffff", "hex"), "a", STOP), /cut off/],
    ["of bytes beyond its end", pickle(0x8e, Buffer.from("ffffffffffffffff", "hex"), STOP), /cut off/],
    ["of a text of negative length", pickle("T", Buffer.from("ffffffff", "hex"), STOP), /length of -1/],
    ["of a number of a gigabyte", pickle(0x8b, Buffer.from("00000040", "hex"), STOP), /length of 1073741824/],
    ["without an end", pickle(0x80, 2, "}"), /cut off/],
    ["that takes what is not there", pickle("R."), /empty stack/],
    ["that takes from below its mark", pickle("](", 0x85, STOP), /empty stack/],
    ["that recalls what is not there", pickle("h\x05."), /recalls/],
    ["of half a dict", pickle("}(K\x01u."), /keys and values/],
    ["with two values", pickle("NN."), /more or less than one/],
  ])("is refused soon: %s", { timeout: 60_000 }, async (name, payload, message) => {
    const file = work.write(`${name.replaceAll(" ", "-")}.bin`, torchZip(payload));
    const before = process.memoryUsage().rss;
    const error = await failure(readPickle(file));
    expect(error).toBeInstanceOf(RetemperError);
    expect(error.message).toMatch(message);
    // what was made and thrown away may still lie there: a bomb without a bound takes many times as much
    expect(process.memoryUsage().rss - before).toBeLessThan(3000 * 2 ** 20);
    rmSync(file);
  });
});

describe("a tensor of a pickle", () => {
  it.each<readonly [string, number, readonly number[], readonly number[]]>([
    ["beyond its storage", 0, [5], [1]],
    ["that begins beyond it", 5, [1], [1]],
    ["that ends beyond it", 1, [2, 2], [2, 1]],
    ["with strides that lead beyond it", 0, [2], [4]],
    ["with a negative offset", -1, [1], [1]],
    ["with a negative length", 0, [-1], [1]],
    ["with a negative stride", 3, [2], [-1]],
    ["with fewer strides than lengths", 0, [2, 2], [1]],
    ["of more elements than numbers can count", 0, [2 ** 30, 2 ** 30], [0, 0]],
  ])("is refused where it is %s", async (name, offset, shape, strides) => {
    const file = work.write(
      `view-${name.replaceAll(" ", "-")}.bin`,
      torchZip(dict({ w: tensor(storage("0", 4), offset, shape, strides) }), { "0": 4 }),
    );
    expect((await failure(readPickle(file))).message).toContain(
      "torch._utils._rebuild_tensor_v2 with what it is not called with",
    );
  });

  it("is refused where its storage is not there whole", async () => {
    const pickled = dict({ w: tensor(storage("0", 4), 0, [4], [1]) });
    for (const storages of [{}, { "0": 3 }, { "0": 5 }, { "1": 4 }] as const) {
      for (const bytes of [torchZip(pickled, storages), torchLegacy(pickled, storages)]) {
        const error = await failure(readPickle(work.write("storage.bin", bytes)));
        expect(error.message).toMatch(/storage/);
      }
    }
    const legacy = torchLegacy(pickled, { "0": 4 });
    await readPickle(work.write("storage.bin", legacy));
    for (const bytes of [legacy.subarray(0, -1), Buffer.concat([legacy, Buffer.alloc(1)])]) {
      expect((await failure(readPickle(work.write("storage.bin", bytes)))).message).toMatch(/storages are broken/);
    }
  });

  it("is refused where a key leads elsewhere", async () => {
    for (const key of ["../0", "a/b", "", "x".repeat(200), "\0"]) {
      const pickled = dict({ w: tensor(storage(key, 4), 0, [4], [1]) });
      expect((await failure(readPickle(work.write("key.bin", torchZip(pickled))))).message).toContain(
        "no storage of torch",
      );
    }
  });
});

describe("an archive that lies", () => {
  const pickled = dict({ w: tensor(storage("0", 4), 0, [4], [1]) });
  const files = [
    { name: "archive/data.pkl", data: pickled },
    { name: "archive/data/0", data: Buffer.alloc(16) },
  ];
  const changed = (at: number, write: (entry: Buffer) => void) => ({
    entry: (entry: Buffer, i: number) => {
      if (i === at) write(entry);
      return entry;
    },
  });
  const ended = (write: (end: Buffer) => void) => ({
    end: (end: Buffer) => {
      write(end);
      return end;
    },
  });

  it("is read where it does not", async () => {
    expect([...(await readPickle(work.write("zip.bin", zip(files)))).tensors.keys()]).toEqual(["w"]);
    const commented = zip(files, {
      end: (end) => Buffer.concat([end.subarray(0, 20), Buffer.from([3, 0]), Buffer.from("abc")]),
    });
    expect((await readPickle(work.write("zip.bin", commented))).tensors.size).toBe(1);
  });

  it.each<readonly [string, Buffer, RegExp]>([
    [
      "about an entry's place",
      zip(
        files,
        changed(1, (entry) => entry.writeUInt32LE(0, 42)),
      ),
      /overlaps|not where/,
    ],
    [
      "about an entry's place, far away",
      zip(
        files,
        changed(1, (entry) => entry.writeUInt32LE(0xfffffff0, 42)),
      ),
      /not where/,
    ],
    [
      "about a size",
      zip(
        files,
        changed(1, (entry) => entry.writeUInt32LE(17, 24)),
      ),
      /do not fit together/,
    ],
    [
      "about both sizes",
      zip(
        files,
        changed(1, (entry) => [20, 24].map((at) => entry.writeUInt32LE(0x7fffffff, at))),
      ),
      /beyond the archive/,
    ],
    [
      "about a size of zip64 that is not there",
      zip(
        files,
        changed(1, (entry) => [20, 24].map((at) => entry.writeUInt32LE(0xffffffff, at))),
      ),
      /beyond the archive/,
    ],
    [
      "about a name",
      zip(
        files,
        changed(1, (entry) => entry.write("archive/data/1", 46)),
      ),
      /not where/,
    ],
    [
      "about how many there are",
      zip(
        files,
        ended((end) => end.writeUInt16LE(1, 10)),
      ),
      /more entries/,
    ],
    [
      "about more than there are",
      zip(
        files,
        ended((end) => end.writeUInt16LE(3, 10)),
      ),
      /no entry 3/,
    ],
    [
      "about where its directory is",
      zip(
        files,
        ended((end) => end.writeUInt32LE(7, 16)),
      ),
      /directory is not where/,
    ],
    [
      "about its length",
      zip(
        files,
        ended((end) => end.writeUInt32LE(0xffffffff, 12)),
      ),
      /directory is not where/,
    ],
    [
      "about parts",
      zip(
        files,
        ended((end) => end.writeUInt16LE(2, 4)),
      ),
      /several parts/,
    ],
    [
      "with a password",
      zip(
        files,
        changed(0, (entry) => entry.writeUInt16LE(1, 8)),
      ),
      /encrypted/,
    ],
    [
      "compressed",
      zip(
        files,
        changed(0, (entry) => entry.writeUInt16LE(8, 10)),
      ),
      /compressed/,
    ],
    ["with a file twice", zip([...files, files[0] as (typeof files)[0]]), /twice/],
    ["with two pickles", zip([...files, { name: "b/data.pkl", data: pickled }]), /no data.pkl|none of torch/],
    ["without a pickle", zip(files.slice(1)), /none of torch/],
    [
      "of a big-endian machine",
      zip([...files, { name: "archive/byteorder", data: Buffer.from("big") }]),
      /little-endian/,
    ],
    ["that was cut off", zip(files).subarray(0, -30), /no end/],
    ["with something after its end", Buffer.concat([zip(files), Buffer.alloc(5)]), /no end/],
    ["that is only its start", Buffer.from("PK\x03\x04"), /no end/],
  ])("is refused: %s", async (name, bytes, message) => {
    const error = await failure(readPickle(work.write(`lie-${name.replaceAll(" ", "-")}.bin`, bytes)));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toMatch(message);
  });
});

describe("other files by a pickle's name", () => {
  it.each<readonly [string, Buffer, RegExp]>([
    ["nothing", Buffer.alloc(0), /empty/],
    ["a Git LFS pointer", Buffer.from("version https://git-lfs.github.com/spec/v1\n"), /Git LFS pointer/],
    ["a web page", Buffer.from("<!DOCTYPE html><html></html>"), /web page/],
    ["GGUF", Buffer.from("GGUF\x03\0\0\0"), /GGUF/],
    ["zeros", Buffer.alloc(100), /of another kind/],
    ["a number", pickle(0x80, 2, int(7), STOP), /torch's number/],
  ])("say what they are: %s", async (name, bytes, message) => {
    expect((await failure(readPickle(work.write(`other-${name}.bin`, bytes)))).message).toMatch(message);
  });
});

describe("mutated at random", () => {
  const golden = join(import.meta.dirname, "../golden/pickle");
  const rounds = Number(process.env.RETEMPER_MUTATIONS ?? (long ? 400 : 60));

  it.each(["views.bin", "legacyViews.bin", "protocol5.bin", "parameters.bin", "training.pt"])(
    "%s is read within the file, or refused, and nothing else",
    async (name) => {
      const whole = readFileSync(join(golden, name));
      const outcomes = { read: 0, refused: 0 };
      for (let seed = 0; seed < rounds; seed++) {
        const random = generator(seed);
        const below = (bound: number) => Math.floor(random() * bound);
        let bytes = Buffer.from(whole);
        for (let i = 1 + below(4); i > 0; i--) {
          const at = below(bytes.length);
          const action = below(5);
          if (action === 0) bytes[at] = below(256);
          else if (action === 1) bytes[at] = (bytes[at] as number) ^ (1 << below(8));
          else if (action === 2 && below(4) === 0) bytes = bytes.subarray(0, at);
          else if (action === 3) bytes.copy(bytes, at, below(bytes.length), below(bytes.length));
          else bytes[at] = "().0123bacdeghijloqrstuxBCFGIJKLMNQRSTUVX]}\x80\x81\x85\x8a\x93\x94".charCodeAt(below(58));
          if (bytes.length === 0) bytes = Buffer.alloc(1);
        }
        const path = work.write(`mutated-${name}`, bytes);
        try {
          const { tensors } = await readPickle(path);
          outcomes.read += 1;
          for (const tensor of tensors.values()) {
            expect(tensor.offset >= 0 && tensor.offset + tensor.bytes <= bytes.length, `seed ${seed}`).toBe(true);
          }
        } catch (error) {
          outcomes.refused += 1;
          expect(error, `seed ${seed}: ${(error as Error).stack}`).toBeInstanceOf(RetemperError);
          expect((error as RetemperError).code, `seed ${seed}`).toBe("BAD_INPUT");
          expect((error as Error).message.length).toBeLessThan(5000);
        }
      }
      expect(outcomes.read).toBeGreaterThan(0);
      expect(outcomes.refused).toBeGreaterThan(0);
    },
  );
});
