// What an adapter does to parameters that it adapts by themselves (PEFT's target_parameters): which factors are whose, and the
// term of each tensor of the base.

import type { AdapterSettings } from "./adapterConfig.js";
import type { AdapterContents, Factors } from "./adapterContents.js";
import { matchPattern } from "./adapterPatterns.js";
import { shapeText } from "./adapterShapes.js";
import { type ExpertStack, expertStack } from "./expertStacks.js";
import { expertOrientation, expertTerms } from "./expertTerms.js";
import type { Checkpoint, LowRankTerm, StoredTensor } from "./types.js";

/** Model types whose experts are stored [in, out]: a square matrix does not show it. */
const TURNED: ReadonlySet<unknown> = new Set(["gpt_oss", "openai_privacy_filter", "aria", "aria_text"]);
/** In this order transformers' modules hold them, and PEFT wraps them from the inside out. */
const ORDER = ["gate_up_proj", "down_proj"];

export interface ExpertEffects {
  /** By name of the base's tensor. */
  readonly terms: ReadonlyMap<string, LowRankTerm>;
  readonly broken: readonly string[];
  readonly unmatched: readonly string[];
  readonly shapes: readonly string[];
}

/** The last parts of the target parameters that a module has, `weight` apart, which is adapted as any layer's. */
export function targetedParameters({ targetParameters }: AdapterSettings, module: string): string[] {
  const own = targetParameters.flatMap((target) => {
    const at = target.lastIndexOf(".");
    const holder = target.slice(0, Math.max(at, 0));
    const matches = holder === "" || module === holder || module.endsWith(`.${holder}`);
    return matches ? [target.slice(at + 1)] : [];
  });
  return [...new Set(own)].filter((parameter) => parameter !== "weight");
}

interface Wrapped {
  readonly parameter: string;
  readonly stack: ExpertStack;
  readonly rank: number;
  readonly alpha: number;
}
interface Pair {
  readonly a: StoredTensor;
  readonly b: StoredTensor;
}
interface Fit extends Wrapped, Pair {
  readonly orientation: "plain" | "turned";
}

export function expertEffects(
  { parameters }: AdapterContents,
  settings: AdapterSettings,
  base: Checkpoint,
  file: string,
): ExpertEffects {
  const terms = new Map<string, LowRankTerm>();
  const [broken, unmatched, shapes]: [string[], string[], string[]] = [[], [], []];
  const found = { terms, broken, unmatched, shapes };
  if (parameters.size === 0) return found;
  for (const [on, what] of [
    [settings.dora, "use_dora"],
    [settings.loraBias, "lora_bias"],
    [settings.fanInFanOut, "fan_in_fan_out"],
  ] as const) {
    if (on) broken.push(`target_parameters beside ${what}, which PEFT does not have`);
  }
  const turned = TURNED.has(base.config.model_type);
  const keys = [...parameters.keys()].flatMap((module) =>
    targetedParameters(settings, module).map((parameter) => `${module}.${parameter}`),
  );
  const ranks = matchPattern(settings.rankPattern, keys, "rank_pattern", file);
  const alphas = matchPattern(settings.alphaPattern, keys, "alpha_pattern", file);
  for (const [module, wrappers] of parameters) {
    const wanted = targetedParameters(settings, module).map((parameter) => {
      const key = `${module}.${parameter}`;
      const stack = expertStack(module, parameter, base.tensors);
      if (!stack) unmatched.push(key);
      return { parameter, stack, rank: ranks.get(key) ?? settings.rank, alpha: alphas.get(key) ?? settings.alpha };
    });
    const pairs = pairsOf(module, wrappers, broken);
    if (!pairs || wanted.some(({ stack }) => !stack)) continue;
    const chosen = assign(pairs, wanted as Wrapped[], turned);
    if (!chosen) {
      shapes.push(misfit(module, pairs, wanted as Wrapped[]));
      continue;
    }
    for (const { stack, rank, alpha, a, b, orientation } of chosen) {
      const scale = alpha / (settings.rsLora ? Math.sqrt(rank) : rank);
      for (const [name, term] of expertTerms(stack, { a, b, rank, scale }, orientation)) terms.set(name, term);
    }
  }
  return found;
}

/** A and B of each wrapper, the innermost first. */
function pairsOf(module: string, wrappers: readonly (Factors | undefined)[], broken: string[]): Pair[] | undefined {
  const pairs: Pair[] = [];
  for (const wrapper of [...wrappers].reverse()) {
    const { A: a, B: b, ...others } = wrapper ?? {};
    if (!a || !b || Object.keys(others).length > 0) {
      broken.push(`${module}: there are no lora_A and lora_B alone for each of its target_parameters`);
      return undefined;
    }
    if (a.encoding || b.encoding) {
      broken.push(`${a.name} or ${b.name} is a view of other numbers: save the adapter as safetensors`);
      return undefined;
    }
    pairs.push({ a, b });
  }
  return pairs;
}

/** Which parameter each pair is of, by shapes; where these leave a choice, in the order of the modules' parameters. */
function assign(pairs: readonly Pair[], wanted: readonly Wrapped[], turned: boolean): Fit[] | undefined {
  if (pairs.length !== wanted.length) return undefined;
  const inOrder = [...wanted].sort((x, y) => ORDER.indexOf(x.parameter) - ORDER.indexOf(y.parameter));
  for (const order of orders(inOrder)) {
    const fits = order.flatMap((wrapped, at): Fit[] => {
      const pair = pairs[at] as Pair;
      const orientation = expertOrientation(wrapped.stack, { ...pair, rank: wrapped.rank }, turned);
      return orientation ? [{ ...wrapped, ...pair, orientation }] : [];
    });
    if (fits.length === order.length) return fits;
  }
  return undefined;
}

/** All orders of a few, the given one first. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length > 4 || items.length < 2) return [[...items]];
  return items.flatMap((first, at) => orders(items.filter((_, other) => other !== at)).map((rest) => [first, ...rest]));
}

function misfit(module: string, pairs: readonly Pair[], wanted: readonly Wrapped[]): string {
  const factors = pairs.map(({ a, b }) => `lora_A ${shapeText(a)} with lora_B ${shapeText(b)}`);
  const stacks = wanted.map(({ parameter, rank, stack: { experts, rows, columns } }) => {
    return `${parameter} [${experts}, ${rows}, ${columns}] by rank ${rank}`;
  });
  return `${module}: ${factors.join(" and ") || "no factors"} do not fit ${stacks.join(" and ")}`;
}
