// adapter_config.json of an adapter out of a merge, as PEFT reads it. All scales are 1: they are in the factors already.

import type { Checkpoint } from "../../checkpoint/types.js";
import type { AdapterBase } from "./adapterBase.js";
import { runningNames } from "./runningNames.js";

export interface AdapterModules {
  /** Rank of each adapted module, by its name in the running model. */
  readonly ranks: ReadonlyMap<string, number>;
  /** Modules that are kept whole. */
  readonly saved: ReadonlySet<string>;
  /** True where biases of adapted modules are kept. */
  readonly biases: boolean;
  readonly fanInFanOut: boolean;
}

/** The configuration; keys in an order of its own, modules in that of their names. */
export function adapterConfig(
  { reference, checkpoint }: AdapterBase,
  { ranks, saved, biases, fanInFanOut }: AdapterModules,
): Record<string, unknown> {
  const usual = commonest([...ranks.values()]);
  const others = Object.fromEntries([...ranks].filter(([, rank]) => rank !== usual).sort(byName));
  const { architectures } = checkpoint.config;
  const [architecture] = Array.isArray(architectures) ? (architectures as unknown[]) : [];
  return {
    peft_type: "LORA",
    ...(/(ForCausalLM|LMHeadModel)$/.test(String(architecture)) && { task_type: "CAUSAL_LM" }),
    base_model_name_or_path: reference.path,
    ...(reference.revision !== undefined && { revision: reference.revision }),
    r: usual,
    lora_alpha: usual,
    rank_pattern: others,
    alpha_pattern: others,
    target_modules: targets([...ranks.keys()].sort(), checkpoint),
    modules_to_save: saved.size > 0 ? [...saved].sort() : null,
    bias: biases ? "all" : "none",
    fan_in_fan_out: fanInFanOut,
    lora_dropout: 0,
    use_rslora: false,
    use_dora: false,
    init_lora_weights: true,
    inference_mode: true,
  };
}

function byName([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : 1;
}

function commonest(ranks: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const rank of ranks) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const [most] = [...counts].sort(([a, x], [b, y]) => y - x || b - a);
  return most?.[0] ?? 1;
}

/** Last segments of names, as people and servers expect them, where these name the adapted modules and no others. */
function targets(modules: readonly string[], base: Checkpoint): readonly string[] {
  const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
  const [adapted, short] = [new Set(modules), new Set(modules.map(last))];
  const running = runningNames(base);
  const all = [...base.tensors.keys()]
    .filter((name) => name.endsWith(".weight"))
    .map((name) => running(name).slice(0, -7));
  const exact = all.every((module) => adapted.has(module) || !short.has(last(module)));
  return exact ? [...short].sort() : modules;
}
