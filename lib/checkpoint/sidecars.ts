// The files of a model's folder beside its weights that are copied to an output: tokenizer, templates, processors,
// generation settings, licence. Code only on request, never weights.

import { join } from "node:path";
import { fileOf, listFolder, type ModelFolder, openFolder } from "./modelFolder.js";

export type SidecarKind = "tokenizer" | "template" | "processor" | "generation" | "licence" | "code";

export interface Sidecar {
  /** Relative to the folder, with "/". */
  readonly name: string;
  readonly path: string;
  readonly kind: SidecarKind;
}

const KINDS: readonly (readonly [SidecarKind, RegExp])[] = [
  ["tokenizer", /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|normalizer|tekken)\.json$/],
  ["tokenizer", /^(vocab|merges)\.txt$|^bpe\.codes$|\.tiktoken$/],
  ["tokenizer", /^(tokenizer|spiece|sentencepiece|source|target|spm)[\w.-]*\.(model|spm)(\.v\d+)?$/],
  ["template", /^chat_template\.(jinja|json)$/],
  ["processor", /^(\w*pre)?processor_config\.json$|^(image|video|audio)_processor_config\.json$/],
  ["generation", /^generation_config\.json$/],
  ["licence", /^(licen[cs]e|notice|copying|use_policy)([._-][\w-]*)*(\.(md|txt|rst))?$/i],
  ["code", /\.py$/],
];
const WEIGHTS = /\.(safetensors|bin|pt|pth|ckpt|pkl|gguf|h5|msgpack|onnx|npz)$/i;
const TEMPLATES = "additional_chat_templates";

/**
 * The sidecar files of a folder, sorted by name.
 * @param code also `*.py` (a model's own code, which others will run)
 * @throws RetemperError BAD_INPUT for one that is a FIFO, or a link that leads out of the folder.
 */
export async function sidecars(folder: string, { code = false }: { readonly code?: boolean } = {}): Promise<Sidecar[]> {
  const opened = await openFolder(folder);
  const found: Sidecar[] = [];
  for (const name of await listFolder(opened)) {
    const kind = sidecarKind(name);
    if (kind !== undefined && (kind !== "code" || code)) found.push({ name, kind, path: await fileOf(opened, name) });
  }
  return [...found, ...(await moreTemplates(opened))].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What kind of sidecar a file is by its name; undefined for everything that is not to be copied. */
export function sidecarKind(name: string): SidecarKind | undefined {
  return WEIGHTS.test(name) ? undefined : KINDS.find(([, form]) => form.test(name))?.[0];
}

async function moreTemplates(folder: ModelFolder): Promise<Sidecar[]> {
  if (!(await listFolder(folder)).includes(TEMPLATES)) return [];
  const inner = await openFolder(join(folder.path, TEMPLATES)).catch(() => undefined);
  if (!inner?.real.startsWith(folder.real)) return [];
  // links inside may lead to the same places as those of the folder itself
  const scope = { ...folder, path: inner.path };
  const templates = (await listFolder(inner)).filter((name) => name.endsWith(".jinja"));
  return Promise.all(
    templates.map(async (name) => ({
      name: `${TEMPLATES}/${name}`,
      kind: "template" as const,
      path: await fileOf(scope, name),
    })),
  );
}
