// What is asked in an experiment: a model's folder, a merge at its lambdas, or a name on a server; and what decides its answers.

import type { CacheElements, EngineName, Precision, WeightsForm } from "../../generate/types.js";
import type { VirtualMergeSource } from "../candidates/openVirtual.js";
import { type Digest, digestOf } from "../digests/digestOf.js";
import type { MergeToWrite } from "./mergeBatch.js";

/** Opened at once. */
export type Subject =
  | ({ readonly kind: "folder"; readonly folder: string; readonly digest: Digest<"model"> } & InWeights)
  | ({ readonly kind: "merge" } & MergeSubject)
  /** `digest`: of what the name stands for. */
  | { readonly kind: "served"; readonly served: string; readonly digest: string };

interface InWeights {
  /** How its weights are multiplied, as `openModel` takes it; as usual where absent. */
  readonly weights?: WeightsForm | undefined;
}

export interface MergeSubject extends VirtualMergeSource, InWeights {
  /** Written in this form to be asked, and removed afterwards: by default it is asked as it is, unwritten where it can be. */
  readonly form?: Pick<MergeToWrite, "format" | "quantise" | "dtype"> | undefined;
  /** What its variants are called, in their order: their numbers by default. */
  readonly names?: readonly string[] | undefined;
  /** All lambdas or variants that the same merge may be asked in other steps, for which it is opened once. */
  readonly grid?: Pick<VirtualMergeSource, "lambdas" | "variants"> | undefined;
}

/** One whose answers are kept: a model, or one lambda or variant of a merge. */
export interface Answerer {
  readonly lambda: number | undefined;
  /** Its place among the subject's variants. */
  readonly variant?: number | undefined;
  /** For people. */
  readonly name?: string | undefined;
  readonly digest: Digest<"answerer">;
}

/** What decides answers beside the model. */
export interface Answering {
  readonly engine: EngineName;
  readonly precision: Precision | undefined;
  /** Of keys and values; as the precision where it is not said. */
  readonly cache: CacheElements | undefined;
  readonly fidelity: "linear" | "exact" | undefined;
  readonly url: string | undefined;
  /** A value in which models stand by what they hold. */
  readonly byDigest: (value: unknown) => unknown;
}

export function answerersOf(subject: Subject, answering: Answering): Answerer[] {
  const { engine, precision = "float32", cache = precision, fidelity = "linear", url, byDigest } = answering;
  if (subject.kind === "served") {
    const { served, digest } = subject;
    return [{ lambda: undefined, digest: digestOf("answerer", ["served", url, served, digest]) }];
  }
  const { weights } = subject;
  const how = [
    engine,
    precision,
    ...(weights === undefined ? [] : [weights]),
    ...(cache === precision ? [] : [`cache ${cache}`]),
  ];
  if (subject.kind === "folder") {
    return [{ lambda: undefined, digest: digestOf("answerer", ["model", subject.digest, how]) }];
  }
  const { recipe, maskSeed, lambdas = [undefined], variants, names, form } = subject;
  const digest = (merge: unknown, lambda: number | undefined) =>
    digestOf("answerer", ["merge", merge, maskSeed, lambda, how, fidelity, ...(form === undefined ? [] : [form])]);
  // one that is asked alone is the same
  if (variants)
    return variants.map((own, at) => {
      const name = names?.[at] ?? String(at + 1);
      return { lambda: undefined, variant: at, name, digest: digest(byDigest(own), undefined) };
    });
  const merge = byDigest(recipe);
  return lambdas.map((lambda) => ({
    ...{ lambda, digest: digest(merge, lambda) },
    ...(lambda !== undefined && { name: `lambda ${lambda}` }),
  }));
}
