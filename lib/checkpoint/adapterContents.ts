// What the keys of an adapter's file say by themselves.

import { RetemperError } from "../errors.js";
import { type AdapterRole, parseAdapterKey } from "./adapterKeys.js";
import { listing } from "./listing.js";
import type { StoredTensor } from "./types.js";

export type Factors = Partial<Record<AdapterRole, StoredTensor>>;

/** What the keys of an adapter file say, before they are compared with a base. */
export interface AdapterContents {
  /** Module of the running model -> its factors. */
  readonly factors: ReadonlyMap<string, Factors>;
  /** Module of the running model -> the factors of its adapted parameters, the outermost first. */
  readonly parameters: ReadonlyMap<string, readonly Factors[]>;
  /** Tensor of the running model -> the adapter's copy of an adapted layer's own tensor. */
  readonly bases: ReadonlyMap<string, StoredTensor>;
  readonly saved: ReadonlyMap<string, { readonly tensor: StoredTensor; readonly wrapped: boolean }>;
  readonly unknown: readonly string[];
}

/**
 * @param hasParameters whether a module's parameters are adapted by themselves (target_parameters)
 * @throws RetemperError BAD_INPUT for tensors that are not floating point, or there twice
 */
export function adapterContents(
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
  hasParameters: (module: string) => boolean,
): AdapterContents {
  const factors = new Map<string, Factors>();
  const parameters = new Map<string, Factors[]>();
  const bases = new Map<string, StoredTensor>();
  const saved = new Map<string, { tensor: StoredTensor; wrapped: boolean }>();
  const unknown: string[] = [];
  const faults: string[] = [];
  for (const [key, tensor] of tensors) {
    if (!/^(F|BF)/.test(tensor.dtype)) faults.push(`${key} is ${tensor.dtype}, not floating point`);
    const parsed = parseAdapterKey(key);
    if (parsed.kind === "unknown") unknown.push(key);
    else if (parsed.kind === "factor") {
      const own = hasParameters(parsed.module);
      const wrappers = parameters.get(parsed.module) ?? [];
      const module = (own ? wrappers[parsed.inside] : factors.get(parsed.module)) ?? {};
      if (module[parsed.role]) faults.push(`${key} and ${module[parsed.role]?.name} are the same factor`);
      module[parsed.role] = tensor;
      if (own) {
        wrappers[parsed.inside] = module;
        parameters.set(parsed.module, wrappers);
      } else factors.set(parsed.module, module);
    } else if (parsed.kind === "base") bases.set(parsed.name, tensor);
    else if (parsed.kind === "saved") {
      if (saved.has(parsed.name)) faults.push(`${key} and ${saved.get(parsed.name)?.tensor.name} are the same tensor`);
      saved.set(parsed.name, { tensor, wrapped: parsed.wrapped });
    }
  }
  if (faults.length > 0) throw new RetemperError("BAD_INPUT", `The adapter is broken:${listing(faults)}`, { file });
  return { factors, parameters, bases, saved, unknown };
}
