// tuning.json: what must be the same for a training to go on.

import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { readIfThere } from "../../files/readIfThere.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { EngineFacts } from "../../generate/types.js";
import type { Example } from "../data/example.js";
import type { TuneSettings } from "../settings.js";

export interface RecordParts {
  readonly model: string;
  readonly settings: TuneSettings;
  readonly initFrom: string | undefined;
  readonly examples: readonly Example[];
  readonly checkpoint: Pick<Checkpoint, "files">;
  readonly engine: EngineFacts;
}

/** TuneSettings, rows, model and engine, as the text of the file. */
export function tuningRecord({ model, settings, initFrom, examples, checkpoint, engine }: RecordParts): string {
  const digest = createHash("sha256");
  for (const { ids, learned } of examples) digest.update(JSON.stringify([ids, learned.map(Number)]));
  const record = {
    model,
    // the digest of the rows knows how they were cut
    settings: { ...settings, stopAfter: undefined, saveSteps: undefined, paperExact: settings.paperExact || undefined },
    initFrom,
    rows: { count: examples.length, sha256: digest.digest("hex") },
    weights: checkpoint.files.map(({ path, size }) => ({ file: basename(path), size })),
    engine: { name: engine.engine, device: engine.device.replace(/, \d+ threads?$/, "") },
  };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** @returns whether a training was begun with this record; writes it where there was none */
export async function keepRecord(path: string, text: string): Promise<boolean> {
  const before = await readIfThere(path, { most: 2 ** 24, what: "the record of a training" });
  if (before === undefined) {
    await writeWhole(path, text);
    return false;
  }
  if (before === text) return true;
  throw new RetemperError("USAGE", `the tuning was begun otherwise: ${differences(before, text)}`, {
    file: path,
    hint: "go on with the same model, rows and settings, or begin anew with --force",
  });
}

function differences(before: string, now: string): string {
  const flat = (value: unknown, path: string): [string, string][] =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => flat(inner, path === "" ? key : `${path}.${key}`))
      : [[path, JSON.stringify(value) ?? "none"]];
  let was: Map<string, string>;
  try {
    was = new Map(flat(JSON.parse(before), ""));
  } catch {
    return "its record is no JSON";
  }
  const is = new Map(flat(JSON.parse(now), ""));
  const keys = [...new Set([...was.keys(), ...is.keys()])].filter((key) => was.get(key) !== is.get(key));
  return keys.map((key) => `${key} was ${was.get(key) ?? "none"}, is ${is.get(key) ?? "none"}`).join("; ");
}
