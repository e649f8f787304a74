// Checkpoints that torch.save wrote (test/golden/pickle/make.py), against what torch.load makes of them.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../../lib/addon/load.js";
import { readPickle } from "../../../../lib/checkpoint/formats/pickle/readPickle.js";
import { inspectModel } from "../../../../lib/checkpoint/inspect.js";
import { openCheckpoint } from "../../../../lib/checkpoint/open.js";
import { merge } from "../../../../lib/merge/merge.js";
import { failure, safetensors, workspace } from "../fixtures.js";

const addon = loadAddon();
const work = workspace();
const golden = join(import.meta.dirname, "../../../golden/pickle");

interface Facts {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly contiguous: boolean;
  readonly sha256: string;
}
const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")) as Record<
  string,
  Record<string, Facts>
>;

/** "F32" for "float32", as expected.json has torch's names. */
function shortName(torch: string): string {
  if (torch === "bool") return "BOOL";
  return torch.replace("bfloat", "BF").replace("float", "F").replace("uint", "U").replace("int", "I");
}

/** A model's folder with one of the golden files under a name. */
function folderOf(file: string, name = "pytorch_model.bin", config: object = { model_type: "llama" }): string {
  const folder = work.path(`${file}-${name}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(golden, file), join(folder, name));
  work.write(`${file}-${name}/config.json`, config);
  return folder;
}

describe("a checkpoint of torch.save", () => {
  it("is expected to be read in each way that there is a file of", () => {
    expect(Object.keys(expected).length).toBe(11);
  });

  it.each(Object.keys(expected).filter((file) => !/strided/i.test(file)))(
    "has the tensors that torch.load has, to the byte: %s",
    async (file) => {
      const { tensors, files } = await readPickle(join(golden, file));
      const facts = Object.entries(expected[file] as Record<string, Facts>);
      expect([...tensors.keys()]).toEqual(facts.map(([name]) => name));
      for (const [name, { dtype, shape, sha256 }] of facts) {
        const tensor = tensors.get(name);
        if (!tensor) throw new Error(name);
        expect([tensor.dtype, tensor.shape], name).toEqual([shortName(dtype), shape]);
        const bytes = addon.readBytes(join(golden, file), tensor.offset, tensor.offset + tensor.bytes);
        expect(createHash("sha256").update(bytes).digest("hex"), name).toBe(sha256);
      }
      expect(files).toHaveLength(1);
    },
  );

  it.each(["strided.bin", "legacyStrided.bin"])(
    "has the values of views whose elements do not lie one after the other: %s",
    async (file) => {
      const facts = Object.entries(expected[file] as Record<string, Facts>);
      for (const reading of ["map", "pread"] as const) {
        const out = work.path(`${file}-${reading}`);
        await merge({ merge_method: "passthrough", models: [{ model: folderOf(file) }] }, out, { reading });
        const path = join(out, "model.safetensors");
        const { names, shapes, dtypes, begins, ends } = addon.readHeader(path);
        expect(names).toHaveLength(facts.length);
        for (const [name, { dtype, shape, sha256 }] of facts) {
          const at = names.indexOf(name);
          expect([dtypes[at], shapes[at]], name).toEqual([shortName(dtype), shape]);
          const bytes = addon.readBytes(path, begins[at] as number, ends[at] as number);
          expect(createHash("sha256").update(bytes).digest("hex"), name).toBe(sha256);
        }
      }
    },
  );

  it.each([
    ["module.bin", "torch.nn.modules.linear.Linear"],
    ["sparse.bin", "torch._utils._rebuild_sparse_tensor"],
    ["quantised.bin", "torch._utils._rebuild_qtensor"],
    ["script.pt", "TorchScript"],
    ["compressed.bin", "compressed"],
    ["complex.bin", "C64"],
  ])("that holds anything else is refused by its name: %s", async (file, name) => {
    const error = await failure(openCheckpoint(folderOf(file), { addon }));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain(name);
    expect(error.message.length).toBeLessThan(500);
    expect(error.hint).toBeTruthy();
  });

  it("opens under each name that programs give it", async () => {
    for (const name of ["pytorch_model.bin", "pytorch_model.pt", "model.pt", "model.pth"]) {
      const checkpoint = await openCheckpoint(folderOf("dtypes.bin", name), { addon });
      expect(checkpoint.tensors.size).toBe(Object.keys(expected["dtypes.bin"] as object).length);
    }
  });

  it("is left alone where there is safetensors", async () => {
    const folder = folderOf("dtypes.bin");
    work.write("dtypes.bin-pytorch_model.bin/model.safetensors", safetensors({ "a.weight": { shape: [2] } }));
    expect([...(await openCheckpoint(folder, { addon })).tensors.keys()]).toEqual(["a.weight"]);
  });

  it("may be in shards with an index, of which everything is checked", async () => {
    const shards = {
      "dtypes.bin": "pytorch_model-00001-of-00002.bin",
      "views.bin": "pytorch_model-00002-of-00002.bin",
    };
    const map: Record<string, string> = {};
    mkdirSync(work.path("shards"));
    for (const [file, shard] of Object.entries(shards)) {
      copyFileSync(join(golden, file), work.path("shards", shard));
      for (const name of Object.keys(expected[file] as object)) map[name] = shard;
    }
    work.write("shards/pytorch_model.bin.index.json", { metadata: {}, weight_map: map });
    const checkpoint = await openCheckpoint(work.path("shards"), { addon });
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(map).sort());
    expect(checkpoint.tensors.get("whole")?.file).toBe(1);
    const { scalar, ...less } = map;
    work.write("shards/pytorch_model.bin.index.json", { weight_map: { ...less, "of.nobody": scalar } });
    const error = await failure(openCheckpoint(work.path("shards"), { addon }));
    expect(error.message).toContain("tensor scalar of pytorch_model-00002-of-00002.bin is not listed");
    expect(error.message).toContain("tensor of.nobody is not in pytorch_model-00002-of-00002.bin");
    for (const outside of ["../views.bin", "views.safetensors", "sub/views.bin", ".bin"]) {
      work.write("shards/pytorch_model.bin.index.json", { weight_map: { a: outside } });
      expect((await failure(openCheckpoint(work.path("shards"), { addon }))).message).toContain("unsafe or impossible");
    }
  });

  it("of tied weights has a head only where the configuration says that it is the model's own", async () => {
    const names = async (config: object) => {
      const folder = folderOf("tied.bin", "pytorch_model.bin", config);
      const facts = await inspectModel(folder, { addon });
      const { tensors } = await openCheckpoint(folder, { addon });
      expect(facts.tensors.map(({ name }) => name)).toEqual([...tensors.keys()]);
      return [...tensors.keys()];
    };
    const embedding = "model.embed_tokens.weight";
    expect(await names({ model_type: "llama" })).toEqual([embedding]);
    expect(await names({ model_type: "llama", tie_word_embeddings: true })).toEqual([embedding]);
    expect(await names({ model_type: "llama", tie_word_embeddings: false })).toEqual([embedding, "lm_head.weight"]);
  });

  it("has every file that the script makes, and no other", () => {
    const script = readFileSync(join(golden, "make.py"), "utf8");
    for (const file of readdirSync(golden)) if (/\.(bin|pt)$/.test(file)) expect(script).toContain(`"${file}"`);
  });
});
