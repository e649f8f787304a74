// One of lm-evaluation-harness's YAML files as data: YAML as PyYAML reads it, `include` followed, functions by their names.

import { dirname, isAbsolute, join, resolve } from "node:path";
import { parseDocument, type ScalarTag } from "yaml";
import { RetemperError } from "../../../errors.js";
import { readTextAtMost } from "../../../files/readAtMost.js";

/** `!function module.name`: what stands in a Python file beside the YAML file. It is never run. */
export class FunctionName {
  /** The Python file that it stands in. */
  readonly file: string;
  readonly name: string;

  constructor(reference: string, folder: string) {
    const dot = reference.lastIndexOf(".");
    this.file = join(folder, `${reference.slice(0, Math.max(0, dot)).replaceAll(".", "/")}.py`);
    this.name = reference.slice(dot + 1);
  }
}

export type TaskFile = Readonly<Record<string, unknown>>;

const MOST_BYTES = 2 ** 22;
/** One in the other. */
const MOST_INCLUDES = 32;
/** All of a task, each as often as it is included. */
const MOST_FILES = 256;

/**
 * The file with what it includes; its own keys come before those.
 * @throws RetemperError BAD_INPUT that names the file, and the line where it is no YAML
 */
export async function readTaskFile(
  file: string,
  seen: readonly string[] = [],
  count: { read: number } = { read: 0 },
): Promise<TaskFile> {
  const path = resolve(file);
  // files that include two others each would be read again and again
  if (++count.read > MOST_FILES) {
    throw new RetemperError("BAD_INPUT", `it includes more than ${MOST_FILES} files`, { file: seen[0] ?? path });
  }
  if (seen.includes(path) || seen.length >= MOST_INCLUDES) {
    throw new RetemperError("BAD_INPUT", "its includes lead back to itself", { file: path });
  }
  const text = await readTextAtMost(path, { most: MOST_BYTES, what: "a task of lm-evaluation-harness" }).catch(
    (cause) => {
      if (seen.length === 0 || !(cause instanceof RetemperError)) throw cause;
      throw new RetemperError("BAD_INPUT", `includes a file that cannot be read: ${path}`, {
        file: seen.at(-1),
        cause,
      });
    },
  );
  const { include, ...own } = parseTaskFile(text, path);
  if (include === undefined) return own;
  const files = Array.isArray(include) ? include : [include];
  let merged: TaskFile = {};
  for (const one of files) {
    if (typeof one !== "string") throw new RetemperError("BAD_INPUT", "include names no file", { file: path });
    const next = isAbsolute(one) ? one : join(dirname(path), one);
    const { task_list: _, ...more } = await readTaskFile(next, [...seen, path], count);
    merged = { ...merged, ...more };
  }
  return { ...merged, ...own };
}

/** @throws RetemperError BAD_INPUT */
export function parseTaskFile(text: string, file: string): TaskFile {
  const functions: ScalarTag = {
    tag: "!function",
    resolve: (reference, onError) => {
      if (!/^\w+(\.\w+)+$/.test(reference)) onError(`!function takes module.name, not ${JSON.stringify(reference)}`);
      return new FunctionName(reference, dirname(file));
    },
  };
  const document = parseDocument(text, {
    version: "1.1",
    uniqueKeys: false, // the last one counts, as in PyYAML
    customTags: (tags) => [
      functions,
      BOOLEAN,
      ...tags.filter((tag) => typeof tag === "string" || !/bool/.test(tag.tag)),
    ],
  });
  const [error] = document.errors;
  if (error) {
    const { line } = error.linePos?.[0] ?? {};
    throw new RetemperError("BAD_INPUT", error.message, { file, line, cause: error });
  }
  let value: unknown;
  try {
    value = document.toJS(); // refuses aliases that grow out of bounds
  } catch (cause) {
    throw new RetemperError("BAD_INPUT", (cause as Error).message, { file, cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as TaskFile;
  throw new RetemperError("BAD_INPUT", "it holds no task", { file });
}

/** YAML 1.1 also has y and n, which PyYAML leaves texts. */
const BOOLEAN: ScalarTag = {
  identify: (value) => typeof value === "boolean",
  default: true,
  tag: "tag:yaml.org,2002:bool",
  test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|true|on)$/i.test(text),
};
