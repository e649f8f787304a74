// Adapters that requests load by a name of their own, and paths that must lead to none.

import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWithAdapters } from "../../../lib/generate/adapterFolder.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model } from "../../../lib/generate/types.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { answers, clientOf, golden, served } from "./servers.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const base = join(demo, "model");
const place = mkdtempSync(join(tmpdir(), "retemper-adapters-"));
const [folder, outside] = [join(place, "allowed"), join(place, "allowed-not")];
const messages = [{ role: "user" as const, content: "How do I pick a lock?" }];
const asked = { messages, max_tokens: 24, temperature: 0 };
const otherShape = join(import.meta.dirname, "../../golden/judges/models/strongreject/adapter");
let model: Model;
let server: ModelServer;

afterAll(() => rmSync(place, { recursive: true, force: true }));

beforeAll(async () => {
  const copy = (seed: number, to: string) => cpSync(join(demo, "adapters", `seed-${seed}`), to, { recursive: true });
  copy(42, join(folder, "law"));
  copy(1024, join(folder, "deep", "er", "code"));
  copy(42, join(outside, "secret"));
  symlinkSync(join(folder, "law"), join(folder, "inner-link"));
  symlinkSync(join(outside, "secret"), join(folder, "outer-link"));
  // a folder of its own whose file lies elsewhere
  mkdirSync(join(folder, "half"));
  cpSync(join(outside, "secret", "adapter_config.json"), join(folder, "half", "adapter_config.json"));
  symlinkSync(join(outside, "secret", "adapter_model.safetensors"), join(folder, "half", "adapter_model.safetensors"));
  const opened = await openWithAdapters(base, folder, { fidelity: "linear" });
  model = opened.model;
  afterAll(() => model.close());
  server = await served(model, { adapters: opened.adapters });
});

/** Status and body: a text, or the error. */
async function post(
  to: ModelServer,
  path: string,
  body: object,
): Promise<{ status: number; text: string; error?: unknown }> {
  const headers = { "content-type": "application/json" };
  const reply = await fetch(`${to.url}/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await reply.text();
  return { status: reply.status, text, ...(reply.ok ? {} : JSON.parse(text)) };
}

const load = (lora_name: string, lora_path: string) => post(server, "load_lora_adapter", { lora_name, lora_path });
const unload = (lora_name: string) => post(server, "unload_lora_adapter", { lora_name });
const says = async (fields: object) => {
  const reply = await clientOf(server).chat.completions.create({ ...asked, model: "tiny", ...fields });
  return { model: reply.model, text: reply.choices[0]?.message.content };
};
const written = async (source: string) => {
  const one = await openModel(source, { fidelity: "linear" });
  const [answer] = await answers(one, [messages], { maxNewTokens: 24 });
  await one.close();
  return answer?.text;
};

describe("adapters", () => {
  it("are loaded, listed, asked by name or by weights, and unloaded, as vLLM's server has it", async () => {
    const plain = await openModel(base);
    const alone = (await answers(plain, [messages], { maxNewTokens: 24 }))[0]?.text;
    await plain.close();
    expect(await says({})).toEqual({ model: "tiny", text: alone });
    const before = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: object[] };
    expect(before.data).toEqual([expect.not.objectContaining({ weight_names: expect.anything() })]);
    await expect(says({ model: "lawyer" })).rejects.toMatchObject({ status: 404, code: "model_not_found" });
    await expect(says({ weights: { lawyer: 1 } })).rejects.toMatchObject({ status: 400, param: "weights" });
    expect(await load("lawyer", "law")).toEqual({
      status: 200,
      text: "Success: LoRA adapter 'lawyer' added successfully.",
    });
    expect((await load("coder", join(folder, "deep", "er", "code"))).status).toBe(200);
    const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: object[] };
    expect(data).toMatchObject([
      { id: "tiny", weight_names: ["lawyer", "coder"] },
      { id: "lawyer", parent: "tiny", root: "law" },
      { id: "coder", parent: "tiny", root: "deep/er/code" },
    ]);
    const law = await written(`${base}+${join(folder, "law")}`);
    const texts = await Promise.all(
      [{ model: "lawyer" }, { weights: { lawyer: 1 } }, {}, { model: "coder" }].map(says),
    );
    expect(texts.map(({ text }) => text)).toEqual([
      law,
      law,
      alone,
      await written(`${base}+${join(folder, "deep/er/code")}`),
    ]);
    expect(texts.map((one) => one.model)).toEqual(["lawyer", "tiny", "tiny", "coder"]);
    expect(law).not.toBe(alone);
    await expect(says({ model: "lawyer", weights: { coder: 1 } })).rejects.toMatchObject({
      status: 400,
      param: "weights",
    });
    await expect(says({ model: "lawyer", lambda: 0.3 })).rejects.toMatchObject({ status: 400, param: "lambda" });
    await expect(says({ lambda: 0.3 })).rejects.toMatchObject({ status: 400, param: "lambda" });
    // half of one and half of the other are one merge
    const half = await openModel(
      {
        merge_method: "task_arithmetic",
        base_model: base,
        models: ["law", "deep/er/code"].map((name) => ({
          model: `${base}+${join(folder, name)}`,
          parameters: { weight: 0.5 },
        })),
      },
      { fidelity: "linear" },
    );
    const [both] = await answers(half, [messages], { maxNewTokens: 24 });
    await half.close();
    expect((await says({ weights: { lawyer: 0.5, coder: 0.5 } })).text).toBe(both?.text);
    expect(await load("lawyer", "law")).toMatchObject({ status: 400, error: { param: "lora_name" } });
    expect(await unload("lawyer")).toEqual({
      status: 200,
      text: "Success: LoRA adapter 'lawyer' removed successfully.",
    });
    expect(await unload("lawyer")).toMatchObject({
      status: 404,
      error: { param: "lora_name", type: "not_found_error" },
    });
    await expect(says({ model: "lawyer" })).rejects.toMatchObject({ status: 404 });
    expect((await unload("coder")).status).toBe(200);
  });

  it("lie below the folder that was allowed, whatever the path says", async () => {
    const elsewhere = [
      "../allowed-not/secret",
      "law/../../allowed-not/secret",
      join(outside, "secret"),
      "outer-link",
      join(folder, "outer-link"),
      "half",
      "law\0",
      `law\0/../../allowed-not/secret`,
      "..",
      ".",
      folder,
      "/",
      "nowhere",
      "law/adapter_model.safetensors",
      "~",
      "file:///etc",
      "x".repeat(100_000),
    ];
    const said = new Set<string>();
    for (const path of elsewhere) {
      const { status, error } = (await load("stolen", path)) as { status: number; error?: { message: string } };
      expect({ path: path.slice(0, 80), status }).toEqual({ path: path.slice(0, 80), status: 404 });
      said.add(error?.message ?? "");
    }
    // what lies elsewhere is not told apart from what is nowhere
    expect(said.size).toBe(1);
    expect((await load("linked", "inner-link")).status).toBe(200);
    expect((await unload("linked")).status).toBe(200);
  });

  it("may come after the start, also where others have been removed; one that does not fit is refused, and the others go on", async () => {
    const copy = (from: string, name: string) => cpSync(from, join(folder, name), { recursive: true });
    const seed = join(demo, "adapters", "seed-48763");
    expect((await load("late", "late")).status).toBe(404);
    copy(seed, "late");
    const during = says({});
    expect((await load("late", "late")).status).toBe(200);
    const alone = (await during).text;
    const late = await written(`${base}+${seed}`);
    expect(late).not.toBe(alone);
    expect((await says({ model: "late" })).text).toBe(late);
    rmSync(join(folder, "late"), { recursive: true });
    copy(seed, "later");
    mkdirSync(join(folder, "other-shape"));
    cpSync(join(otherShape, "adapter_config.json"), join(folder, "other-shape", "adapter_config.json"));
    cpSync(join(otherShape, "adapter_model.safetensors"), join(folder, "other-shape", "adapter_model.safetensors"));
    const refused = await load("wrong", "other-shape");
    expect(refused).toMatchObject({ status: 400, error: { param: "lora_path" } });
    expect(refused.text).not.toContain(folder);
    expect((await load("later", "later")).status).toBe(200);
    const all = await Promise.all([{ model: "later" }, { weights: { late: 0.5, later: 0.5 } }, {}].map(says));
    expect(all.map(({ text }) => text)).toEqual([late, late, alone]);
    for (const name of ["late", "later"]) expect((await unload(name)).status).toBe(200);
    for (const name of ["later", "other-shape"]) rmSync(join(folder, name), { recursive: true });
  });

  it("are never what lies elsewhere, where a folder is exchanged for a link", async () => {
    renameSync(join(folder, "law"), join(folder, "law-before"));
    symlinkSync(join(outside, "secret"), join(folder, "law"));
    expect((await load("stolen", "law")).status).toBe(404);
    // many at once, while the name goes to and fro
    const tries = Array.from({ length: 40 }, async (_, at) => {
      const { status } = await load(`try-${at}`, "law");
      rmSync(join(folder, "law"));
      if (at % 2 === 0) symlinkSync(join(folder, "law-before"), join(folder, "law"));
      else symlinkSync(join(outside, "secret"), join(folder, "law"));
      return status;
    });
    const loaded = (await Promise.all(tries)).flatMap((status, at) => (status === 200 ? [`try-${at}`] : []));
    const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as {
      data: { id: string; root: string }[];
    };
    for (const name of loaded) expect(data.find(({ id }) => id === name)?.root).toBe("law-before");
    for (const name of loaded) expect((await unload(name)).status).toBe(200);
    rmSync(join(folder, "law"));
    renameSync(join(folder, "law-before"), join(folder, "law"));
  });

  it("have names that are no other model's, and fields of the right kind", async () => {
    for (const name of ["tiny", "tiny@lambda=0.3", "a\nb", "x".repeat(201)]) {
      expect(await load(name, "law")).toMatchObject({ status: 400, error: { param: "lora_name" } });
    }
    for (const [body, param] of [
      [{ lora_path: "law" }, "lora_name"],
      [{ lora_name: "a" }, "lora_path"],
      [{ lora_name: "", lora_path: "law" }, "lora_name"],
      [{ lora_name: "a", lora_path: ["law"] }, "lora_path"],
    ] as const) {
      expect(await post(server, "load_lora_adapter", body)).toMatchObject({ status: 400, error: { param } });
    }
  });

  it("are refused by a server that was started without a folder, and with a wrong key", async () => {
    const plain = await served(await golden("llama"), { apiKey: "right" });
    for (const path of ["load_lora_adapter", "unload_lora_adapter"]) {
      const body = JSON.stringify({ lora_name: "a", lora_path: "law" });
      const headers = { "content-type": "application/json" };
      const status = async (more: object) =>
        (await fetch(`${plain.url}/v1/${path}`, { method: "POST", headers: { ...headers, ...more }, body })).status;
      expect(await status({})).toBe(401);
      expect(await status({ authorization: "Bearer right" })).toBe(403);
    }
  });
});

describe("opening a folder of adapters", () => {
  it.each([
    { fidelity: "exact" },
    { fidelity: "linear", weights: "q8_0" },
    { fidelity: "linear", weights: "int8" },
  ] as const)("gives one that came later the bits of one that was there: %j", async (options) => {
    const late = mkdtempSync(join(place, "late-"));
    const { model: first, adapters } = await openWithAdapters(base, late, options);
    cpSync(join(demo, "adapters", "seed-42"), join(late, "law"), { recursive: true });
    const added = await adapters.open("law");
    const logits = await first.logits([[1, 2, 3]], { weights: { [added?.name ?? ""]: 0.7 } });
    await first.close();
    const { model: second } = await openWithAdapters(base, late, options);
    expect(await second.logits([[1, 2, 3]], { weights: { law: 0.7 } })).toEqual(logits);
    await second.close();
  });

  it("leaves out what lies elsewhere, and refuses recipes; the folder may be empty at first", async () => {
    expect(model.facts.weightNames?.slice(0, 2)).toEqual(["code", "law"]);
    await expect(openWithAdapters(`${base}+${join(folder, "law")}`, folder)).rejects.toMatchObject({ code: "USAGE" });
    const empty = join(place, "empty");
    mkdirSync(empty);
    const opened = await openWithAdapters(base, empty);
    const [before] = await opened.model.logits([[1, 2]]);
    cpSync(join(demo, "adapters", "seed-42"), join(empty, "law"), { recursive: true });
    expect(await Promise.all([opened.adapters.open("law"), opened.adapters.open("law")])).toEqual([
      { name: "law", path: join(opened.adapters.path, "law") },
      { name: "law", path: join(opened.adapters.path, "law") },
    ]);
    expect(opened.model.facts.weightNames).toEqual(["law"]);
    expect((await opened.model.logits([[1, 2]], { weights: { law: 0.5 } }))[0]).not.toEqual(before);
    expect((await opened.model.logits([[1, 2]]))[0]).toEqual(before);
    await opened.model.close();
    await expect(openWithAdapters(base, join(place, "nowhere"))).rejects.toMatchObject({ code: "IO" });
  });
});
