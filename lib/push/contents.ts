// Which files of a folder are pushed: those of a model, an adapter or a report. What is no part of it stays, and is named.

import { lstat, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileError, fileOf, type ModelFolder, openFolder } from "../checkpoint/modelFolder.js";
import { RetemperError } from "../errors.js";

export type PushedKind = "model" | "adapter" | "report";

export interface Contents {
  readonly what: PushedKind;
  /** Where it lies; undefined for a report that is one file. */
  readonly folder: ModelFolder | undefined;
  /** Files by their path in the folder, sorted. */
  readonly files: ReadonlyMap<string, string>;
  readonly leftOut: readonly { readonly path: string; readonly why: string }[];
}

const WEIGHTS = /\.(safetensors|gguf|bin|pt|pth)$/;
const REPORT_FILES: ReadonlySet<string> = new Set(["report.html", "report.md"]);

/** Why a name is no part of a model, by patterns; the first that fits says it. */
const NOT_PUSHED: readonly (readonly [RegExp, string])[] = [
  [/^\./, "hidden"],
  [/^checkpoint-\d+$/, "a checkpoint of the training"],
  [/^(optimizer|scheduler|scaler)\.pt$|^rng_state(_\d+)?\.pth$/, "state of the training"],
  [/^__pycache__$|\.pyc$/, "made by Python"],
  [/\.(lock|owner|part|partial|incomplete|tmp)$/, "of a run that goes on or ended early"],
];
const PICKLES = /^(pytorch|adapter)_model(-\d{5}-of-\d{5})?\.bin(\.index\.json)?$/;

/**
 * Looks through a folder, or takes a report's one file.
 * @throws RetemperError BAD_INPUT for what is neither model, adapter nor report, for links that lead out, and what is no file; IO
 */
export async function contentsOf(out: string): Promise<Contents> {
  const facts = await lstat(out).catch((error: unknown) => {
    throw fileError(error, out);
  });
  if (facts.isFile() && /\.html$/.test(out)) {
    return { what: "report", folder: undefined, files: new Map([[basename(out), out]]), leftOut: [] };
  }
  const folder = await openFolder(out);
  const files = new Map<string, string>();
  const leftOut: { path: string; why: string }[] = [];
  await look(folder, "", files, leftOut);
  const what = whatIs(files);
  if (what === undefined) {
    throw new RetemperError("BAD_INPUT", "this is no model (config.json and weights), no adapter and no report", {
      file: out,
      hint: "give the folder of one model or adapter, such as one of those that a sweep wrote, or that of a run with its report.html",
    });
  }
  const own = { what, folder, files, leftOut };
  if (what === "report") return ofReport(own);
  const safetensors = [...files.keys()].some((path) => path.endsWith(".safetensors"));
  for (const path of [...files.keys()]) {
    if (!safetensors || !PICKLES.test(path)) continue;
    files.delete(path);
    leftOut.push({ path, why: "the weights are there as safetensors" });
  }
  return own;
}

async function look(
  folder: ModelFolder,
  below: string,
  files: Map<string, string>,
  leftOut: { path: string; why: string }[],
): Promise<void> {
  const at = join(folder.path, below);
  const entries = await readdir(at, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(error, at);
  });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const why = NOT_PUSHED.find(([pattern]) => pattern.test(entry.name))?.[1];
    if (why !== undefined) leftOut.push({ path, why });
    else if (entry.isDirectory()) await look(folder, path, files, leftOut);
    else files.set(path, await fileOf(folder, path));
  }
}

function whatIs(files: ReadonlyMap<string, string>): PushedKind | undefined {
  if (files.has("adapter_config.json")) return "adapter";
  const top = [...files.keys()].filter((path) => !path.includes("/"));
  if (top.some((path) => path.endsWith(".gguf"))) return "model";
  if (files.has("config.json") && top.some((path) => WEIGHTS.test(path))) return "model";
  return files.has("report.html") ? "report" : undefined;
}

/** Of a run, its report alone: models are pushed one by one, and answers stay. */
function ofReport({ files, leftOut, ...own }: Contents): Contents {
  const report = new Map([...files].filter(([path]) => REPORT_FILES.has(path)));
  const others = new Set(
    [...files.keys()].filter((path) => !report.has(path)).map((path) => path.split("/")[0] as string),
  );
  const why = "not part of the report";
  return { ...own, files: report, leftOut: [...leftOut, ...[...others].map((path) => ({ path, why }))] };
}
