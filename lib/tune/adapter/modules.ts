// Which linear layers of a model get a low-rank term, by the names that PEFT knows them by.

import { runInNewContext } from "node:vm";
import { nearestNames } from "../../checkpoint/nearestNames.js";
import { RetemperError } from "../../errors.js";
import type { DecoderSpec, Matrix } from "../../nn/ops/specs.js";

/** A linear layer of the running model. */
export interface LinearModule {
  /** As PEFT names it: "model.layers.0.self_attn.q_proj". */
  readonly name: string;
  /** Of its weight in the checkpoint; parts of it (phi3's gate and up) share the module. */
  readonly weightName: string;
  readonly layer: number;
  readonly in: number;
  readonly out: number;
  readonly layout: Matrix["layout"];
  /** The weight whole, without bias. */
  readonly matrix: Matrix;
}

/** All linear layers but the head, in the order of the layers. */
export function linearModules(spec: DecoderSpec): LinearModule[] {
  const modules = new Map<string, LinearModule>();
  spec.layers.forEach(({ project, output, mlp }, layer) => {
    const matrices = [...project.matrices, output.matrix, ...(mlp.gate ? [mlp.gate] : []), mlp.up, mlp.down];
    for (const matrix of matrices) {
      const { name, stored, rows } = matrix.weight;
      const whole = rows ? { ...matrix.weight, shape: stored.shape, rows: undefined } : matrix.weight;
      const out = rows ? (stored.shape[0] as number) : matrix.out;
      modules.set(name, {
        name: runningName(name.replace(/\.weight$/, ""), spec.family),
        weightName: name,
        layer,
        in: matrix.in,
        out,
        layout: matrix.layout,
        matrix: { ...matrix, weight: whole, out, bias: undefined },
      });
    }
  });
  return [...modules.values()];
}

/** GPT-2's published checkpoints leave out the name of the module that holds the layers. */
function runningName(name: string, family: string): string {
  return family === "gpt2" && !name.startsWith("transformer.") ? `transformer.${name}` : name;
}

export interface Selection {
  readonly modules: readonly LinearModule[];
  /** As adapter_config.json says it. */
  readonly targetModules: string | readonly string[];
}

const TIME_LIMIT_MS = 2000;

/**
 * The modules that are meant, with PEFT's rules: a name, or the end of one after a dot; a regular expression for the whole
 * name; all of them.
 * @throws RetemperError USAGE where a name matches nothing, with the nearest ones
 */
export function selectModules(modules: readonly LinearModule[], targets: string | readonly string[]): Selection {
  if (targets === "all-linear") return { modules, targetModules: leaves(modules) };
  if (typeof targets === "string" && !/^[\w.]+$/.test(targets)) return byExpression(modules, targets);
  const names = typeof targets === "string" ? [targets] : targets;
  const fits = (module: LinearModule, name: string) => module.name === name || module.name.endsWith(`.${name}`);
  const missing = names.filter((name) => !modules.some((module) => fits(module, name)));
  if (missing.length > 0) {
    const lines = nearestNames(missing, new Set(modules.flatMap(({ name }) => [name.replace(/.*\./, ""), name])));
    throw new RetemperError("USAGE", `No linear layer of the model is called ${lines.join(", ")}`, {
      hint: `The model has ${leaves(modules).join(", ")}.`,
    });
  }
  return { modules: modules.filter((module) => names.some((name) => fits(module, name))), targetModules: names };
}

function byExpression(modules: readonly LinearModule[], text: string): Selection {
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${text})$`);
  } catch (cause) {
    throw new RetemperError("USAGE", `${JSON.stringify(text)} is no regular expression`, { cause });
  }
  const names = modules.map(({ name }) => name);
  let found: readonly boolean[];
  try {
    // a context of its own for its time limit, which stops regular expressions too
    const code = "names.map((name) => expression.test(name))";
    found = runInNewContext(code, { names, expression }, { timeout: TIME_LIMIT_MS });
  } catch (cause) {
    throw new RetemperError("USAGE", `${JSON.stringify(text)} takes more than ${TIME_LIMIT_MS / 1000} s to match`, {
      cause,
    });
  }
  const chosen = modules.filter((_, i) => found[i]);
  if (chosen.length > 0) return { modules: chosen, targetModules: text };
  throw new RetemperError("USAGE", `${JSON.stringify(text)} matches no linear layer of the model`, {
    hint: `A regular expression must match a whole name, such as ${names[0]}.`,
  });
}

/** Last parts of the names. */
function leaves(modules: readonly LinearModule[]): string[] {
  return [...new Set(modules.map(({ name }) => name.replace(/.*\./, "")))].sort();
}
