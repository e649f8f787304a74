// The post-processors of tokenizer.json: the special tokens that go before and after a text.

import { RetemperError } from "../../errors.js";
import { asRecord, checkId, show } from "../addedTokens.js";
import { listOf } from "./normalizers.js";

export interface Frame {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const NOTHING: Frame = { before: [], after: [] };

/**
 * Compiles what `post_processor` does to one text (its rule for pairs of texts is not used here).
 * @throws RetemperError BAD_INPUT for a type that is not known here.
 */
export function compilePostProcessor(value: unknown, file: string): Frame {
  if (value === null || value === undefined) return NOTHING;
  const spec = asRecord(value, "a post-processor", file);
  switch (spec.type) {
    case "Sequence":
      return listOf(spec.processors, "processors", file)
        .map((step) => compilePostProcessor(step, file))
        .reduce(
          (inner, outer) => ({
            before: [...outer.before, ...inner.before],
            after: [...inner.after, ...outer.after],
          }),
          NOTHING,
        );
    case "ByteLevel":
      // It corrects offsets only.
      return NOTHING;
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [idOfPair(spec.cls, "cls", file)], after: [idOfPair(spec.sep, "sep", file)] };
    case "TemplateProcessing":
      return template(spec, file);
    default:
      throw new RetemperError("BAD_INPUT", `the post-processor ${show(spec.type)} is not known`, { file });
  }
}

function idOfPair(value: unknown, what: string, file: string): number {
  const [token, id] = listOf(value, what, file);
  return checkId(id, typeof token === "string" ? token : what, file);
}

function template(spec: Record<string, unknown>, file: string): Frame {
  const known = asRecord(spec.special_tokens ?? {}, "special_tokens", file);
  const before: number[] = [];
  const after: number[] = [];
  let sequences = 0;
  for (const entry of listOf(spec.single, "single", file)) {
    const piece = asRecord(entry, "a piece of the template", file);
    if (piece.Sequence !== undefined) {
      sequences += 1;
      continue;
    }
    const name = asRecord(piece.SpecialToken, "a piece of the template", file).id;
    const token = typeof name === "string" && Object.hasOwn(known, name) ? known[name] : undefined;
    const ids = listOf(asRecord(token, `the special token ${show(name)}`, file).ids, "ids", file);
    for (const id of ids) (sequences === 0 ? before : after).push(checkId(id, String(name), file));
  }
  if (sequences !== 1) {
    throw new RetemperError("BAD_INPUT", `the template of a single text has the text ${sequences} times`, { file });
  }
  return { before, after };
}
