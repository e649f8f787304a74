// Stop tokens by where answers end: one goes on where the other stops, after the same text.

import type { Generation } from "../../generate/types.js";
import type { LocalSide } from "../sides/side.js";
import type { Cause } from "../types.js";
import type { Letters } from "./letters.js";

type Answers = readonly (Generation | undefined)[];

/** Only of a server whose numbers are otherwise the model's own. */
export function answerEnds(
  own: Answers,
  heard: Answers,
  { tokenizer, stopTokens }: LocalSide,
  letters: Letters,
): Cause[] {
  const { local, server } = letters;
  let ended = 0;
  let on = 0;
  const early = new Map<number, number>();
  for (const [at, mine] of own.entries()) {
    const theirs = heard[at];
    if (mine === undefined || theirs === undefined) continue;
    // What was stopped by is no text: ids are compared without it.
    const stop = mine.finish === "stop";
    const mineText = tokenizer.decode(stop ? mine.ids.slice(0, -1) : mine.ids, { skipSpecialTokens: true });
    if (stop) ended += 1;
    if (stop && theirs.text.length > mineText.length && theirs.text.startsWith(mineText)) on += 1;
    if (theirs.finish !== "stop") continue;
    const next = tokenAfter(theirs.text, mine.ids, tokenizer);
    if (next !== undefined && !stopTokens.includes(next)) early.set(next, (early.get(next) ?? 0) + 1);
  }
  const evidence: string[] = [];
  if (on > 0) evidence.push(`in ${on} of ${ended} answers that end in ${local}, ${server} goes on after the same text`);
  for (const [id, count] of early) {
    evidence.push(
      `${count} answers of ${server} end where ${local} goes on with ${JSON.stringify(tokenizer.decode([id]))} (${id})`,
    );
  }
  if (evidence.length === 0) return [];
  return [
    {
      name: "stop-tokens",
      sure: on > 1 || early.size > 0 ? "certain" : "likely",
      summary: "Other tokens end an answer.",
      evidence: [
        ...evidence,
        `${local} stops at ${stopTokens.map((id) => `${tokenizer.decode([id])} (${id})`).join(", ")}`,
      ],
      remedy:
        "Give the served model the eos_token_id of the tested one (generation_config.json, a list where several end an answer).",
      numeric: false,
    },
  ];
}

/** The token of an answer that follows a text which it begins with; undefined where the text is all of it, or no beginning. */
function tokenAfter(text: string, ids: readonly number[], tokenizer: LocalSide["tokenizer"]): number | undefined {
  for (let count = 0; count < ids.length; count++) {
    const before = tokenizer.decode(ids.slice(0, count), { skipSpecialTokens: true });
    if (before.length > text.length) return undefined;
    if (before === text) {
      const special = tokenizer.specialIds.has(ids[count] as number);
      // A special token is no text either: the place after it may be meant.
      const later = special ? undefined : ids[count];
      return later ?? (count + 1 < ids.length ? ids[count] : undefined);
    }
  }
  return undefined;
}
