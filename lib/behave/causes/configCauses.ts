// Causes in config.json that change the computation: rope, tied heads, everything else of a layer's numbers. Compared is what the
// configuration means, with the family's defaults, not how it is spelled.

import { textConfig } from "../../checkpoint/families.js";
import type { DecoderSpec, Rope } from "../../nn/ops/specs.js";
import type { LocalSide } from "../sides/side.js";
import type { Cause } from "../types.js";
import type { Findings } from "./findings.js";

const ROPE_KEYS = [
  ...["rope_theta", "rope_scaling", "rope_parameters", "rope_local_base_freq", "partial_rotary_factor", "rotary_pct"],
  ...["original_max_position_embeddings", "head_dim"],
];
/** Settings of other families that change numbers, for models whose family is not known here. */
const OTHER_KEYS = [
  ...["model_type", "hidden_act", "hidden_activation", "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon"],
  ...["sliding_window", "num_attention_heads", "num_key_value_heads", "num_hidden_layers", "attn_logit_softcapping"],
  ...["final_logit_softcapping", "query_pre_attn_scalar", "logit_scale", "num_experts_per_tok", "attention_multiplier"],
];

export function configCauses(findings: Findings): Cause[] {
  return [...tiedCauses(findings), ...ropeCauses(findings), ...otherCauses(findings)];
}

function tiedCauses({ a, b, weights }: Findings): Cause[] {
  const cause = (sure: Cause["sure"], evidence: readonly string[]): Cause[] => [
    {
      name: "tied-head",
      sure,
      summary: "One has an output head of its own, and the other uses its embedding as head.",
      evidence,
      remedy:
        "Write lm_head.weight with the other tensors and set tie_word_embeddings to false, or to true where they are equal.",
      numeric: false,
    },
  ];
  const [of, ofOther] = [headOf(a), headOf(b)];
  const told = `tie_word_embeddings is ${String(of.declared)} in A and ${String(ofOther.declared)} in B`;
  const headDiffers =
    weights.differing === undefined || weights.differing.some(({ name }) => name === (of.stored ?? ofOther.stored));
  if ((of.stored === undefined) !== (ofOther.stored === undefined)) {
    if (!headDiffers) return [];
    const which = of.stored === undefined ? ["B", "A"] : ["A", "B"];
    return cause("certain", [`${which[0]} stores ${of.stored ?? ofOther.stored}, ${which[1]} does not`, told]);
  }
  if (of.stored === undefined || of.declared === ofOther.declared) return [];
  if (of.declared !== true && ofOther.declared !== true) return [];
  return cause("likely", [
    told,
    `both store ${of.stored}; engines that follow tie_word_embeddings do not read it where it is true`,
  ]);
}

function headOf({ checkpoint: { tensors, config } }: LocalSide) {
  const stored = [...tensors.keys()].find((name) => /(^|\.)lm_head\.weight$/.test(name));
  const declared = textConfig(config).tie_word_embeddings ?? config.tie_word_embeddings;
  return { stored, declared };
}

function ropeCauses({ a, b }: Findings): Cause[] {
  const told = keysThatDiffer(a, b, ROPE_KEYS);
  if (a.spec && b.spec) {
    const layers = a.spec.layers.flatMap(({ attend }, layer) => {
      const other = b.spec?.layers[layer];
      return other !== undefined && !sameRope(attend.rope, other.attend.rope) ? [layer] : [];
    });
    if (layers.length === 0) return [];
    return [rope([...told, `positions turn by other angles in ${layers.length} of ${a.spec.layers.length} layers`])];
  }
  return told.length === 0 ? [] : [rope(told)];
}

function rope(evidence: readonly string[]): Cause {
  return {
    name: "rope",
    sure: "certain",
    summary: "Positions are turned by other angles (rope).",
    evidence,
    remedy: "Give B the rope_theta and rope_scaling (rope_parameters) of A.",
    numeric: false,
  };
}

function sameRope(a: Rope | undefined, b: Rope | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  // Formats that keep the base in float32 come back with another last digit.
  const alike = (x: Float32Array, y: Float32Array) =>
    x.length === y.length && x.every((value, i) => Math.abs(value - (y[i] as number)) <= 1e-6 * value);
  if (!alike(a.inverseFrequencies, b.inverseFrequencies)) return false;
  if (Math.abs(a.magnitude - b.magnitude) > 1e-6) return false;
  if (a.long === undefined || b.long === undefined) return a.long === b.long;
  return a.long.from === b.long.from && alike(a.long.inverseFrequencies, b.long.inverseFrequencies);
}

function otherCauses({ a, b }: Findings): Cause[] {
  const evidence = a.spec && b.spec ? specsThatDiffer(a.spec, b.spec) : keysThatDiffer(a, b, OTHER_KEYS);
  if (evidence.length === 0) return [];
  return [
    {
      name: "configuration",
      sure: "certain",
      summary: "config.json says other numbers for the same weights.",
      evidence,
      remedy: "Give B the config.json of A.",
      numeric: false,
    },
  ];
}

function specsThatDiffer(a: DecoderSpec, b: DecoderSpec): string[] {
  const numbers = (spec: DecoderSpec) => {
    const { attend, mlp, project } = spec.layers[0] ?? {};
    return {
      family: spec.family,
      layers: spec.layers.length,
      hidden: spec.hidden,
      heads: attend?.heads,
      "key-value heads": attend?.kvHeads,
      "attention scale": spec.layers.map((layer) => layer.attend.scale),
      "attention softcap": attend?.softcap,
      "sliding window": spec.layers.map((layer) => layer.attend.window ?? null),
      activation: mlp?.activation,
      "norm epsilon": [project?.norm?.epsilon, mlp?.norm.epsilon, spec.head.norm.epsilon],
      "embedding scale": spec.embed.scale,
      "logit softcap": spec.head.softcap,
    };
  };
  const [of, ofOther] = [numbers(a), numbers(b)];
  return Object.entries(of).flatMap(([name, value]) => {
    const other = ofOther[name as keyof typeof ofOther];
    return same(value, other) ? [] : [`${name}: ${short(value)} in A, ${short(other)} in B`];
  });
}

/** Equal, numbers up to float32's last digit: formats other than config.json keep no more. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return a === b || Math.fround(a) === Math.fround(b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, i) => same(value, b[i]));
  return a === b;
}

function keysThatDiffer(a: LocalSide, b: LocalSide, keys: readonly string[]): string[] {
  const [of, ofOther] = [textConfig(a.checkpoint.config), textConfig(b.checkpoint.config)];
  return keys.flatMap((key) => {
    const [one, other] = [of[key] ?? null, ofOther[key] ?? null];
    return JSON.stringify(one) === JSON.stringify(other)
      ? []
      : [`${key} is ${short(one)} in A and ${short(other)} in B`];
  });
}

function short(value: unknown): string {
  return (JSON.stringify(value) ?? "absent").slice(0, 100);
}
