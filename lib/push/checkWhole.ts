// What is looked at before anything is sent: that a model or adapter is whole, and that others can use it.

import { open, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { loadAddon } from "../addon/load.js";
import { inspectModel } from "../checkpoint/inspect.js";
import { readJsonObject } from "../checkpoint/json.js";
import { RetemperError } from "../errors.js";
import { exists } from "../files/exists.js";
import { RECORD_FILE, readRecord } from "../merge/record.js";
import type { Contents } from "./contents.js";

export interface Checked {
  /** What does not hinder a push and may be amiss. */
  readonly warnings: readonly string[];
  /** sha256 of files by their path, as they were when they were written, where a record says it. */
  readonly recorded: ReadonlyMap<string, string>;
}

const TOKENIZERS = ["tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model"];

/** @throws RetemperError BAD_INPUT for what is torn, or not what its record says; IO */
export async function checkWhole({ what, folder, files }: Contents): Promise<Checked> {
  if (folder === undefined || what === "report") return { warnings: [], recorded: new Map() };
  const recorded = files.has(RECORD_FILE) ? await checkRecord(folder.path, files) : new Map<string, string>();
  const names = [...files.keys()];
  const ggufs = names.filter((name) => name.endsWith(".gguf"));
  for (const name of ggufs) await checkGguf(files.get(name) as string);
  // Opens every header, so that a shard which is missing or cut is found.
  if (ggufs.length === 0 || names.some((name) => name.endsWith(".safetensors")))
    await inspectModel(folder.path, { addon: loadAddon() });
  const warnings: string[] = [];
  if (what === "model" && ggufs.length === 0 && !TOKENIZERS.some((name) => files.has(name))) {
    warnings.push("the model has no tokenizer: who loads it needs one from elsewhere");
  }
  if (what === "model" && names.some((name) => name.endsWith(".bin"))) {
    warnings.push("the weights are pickles (.bin), which many do not load: convert them to safetensors");
  }
  if (what === "adapter") warnings.push(...(await checkBase(join(folder.path, "adapter_config.json"))));
  return { warnings, recorded };
}

async function checkRecord(folder: string, files: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const recorded = new Map<string, string>();
  for (const { path, bytes, sha256 } of await readRecord(folder)) {
    const file = files.get(path);
    const size = file === undefined ? undefined : (await stat(file)).size;
    if (size !== bytes) {
      const is = size === undefined ? "is not there" : `has ${size} bytes, not ${bytes}`;
      throw new RetemperError("BAD_INPUT", `${path} ${is}: the folder is not as it was written`, {
        file: folder,
        hint: "make it again; retemper verify lists all that differs",
      });
    }
    recorded.set(path, sha256);
  }
  return recorded;
}

async function checkGguf(file: string): Promise<void> {
  const handle = await open(file);
  try {
    const start = Buffer.alloc(4);
    await handle.read(start, 0, 4, 0);
    if (start.toString("latin1") === "GGUF") return;
  } finally {
    await handle.close();
  }
  throw new RetemperError("BAD_INPUT", "this is no GGUF file, whatever its name says", { file });
}

async function checkBase(file: string): Promise<string[]> {
  const base = (await readJsonObject(file)).base_model_name_or_path;
  if (typeof base !== "string" || base === "") {
    return ["adapter_config.json does not name the base model (base_model_name_or_path)"];
  }
  if (!isAbsolute(base) && !base.startsWith(".") && !(await exists(resolve(base)))) return [];
  return [
    `adapter_config.json names the base by a path of this machine (${base}): others cannot load the adapter; ` +
      "write the name that the base has on the hub",
  ];
}
