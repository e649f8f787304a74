// What must not be, checked before anything is written: two merges to one folder, outputs inside each other or inside
// what is read, merges that wait for each other. And who waits for whom: an output that another entry reads comes first.

import { dirname, resolve } from "node:path";
import { hubCache, locate } from "../checkpoint/locate.js";
import type { RetemperError } from "../errors.js";
import { futurePath, isInside } from "../output/futurePath.js";
import { overlap } from "../output/refuseOverlap.js";
import { badRecipe } from "../recipe/problems.js";
import { namedModels } from "../recipe/references.js";
import type { EntryJob, Job } from "./graph.js";

interface Output {
  readonly job: Job | undefined;
  readonly entry: EntryJob;
  /** An entry's output, not a stage's. */
  readonly final: boolean;
  readonly out: string;
}

/**
 * Fills in what each job waits for.
 * @throws RetemperError BAD_RECIPE for outputs that exclude each other or wait in a circle; OUTPUT_EXISTS for outputs that
 * are, contain or lie inside something that is read
 */
export async function orderByPlaces(
  entries: readonly EntryJob[],
  options: { readonly transformersCache?: string | undefined },
): Promise<void> {
  const places = new PlaceCache();
  const outputs = await outputsOf(entries, places);
  for (const [place, output] of outputs) {
    const around = outerOf(place, outputs);
    if (around) throw refusal(output, `lies inside ${around.out}, which is an output as well`);
  }
  const cache = await places.of(hubCache({ cache: options.transformersCache }));
  const read = new Map<string, string>();
  for (const entry of entries) {
    for (const job of [...entry.stages, ...(entry.job ? [entry.job] : [])]) {
      for (const folder of await foldersOf(job, options.transformersCache)) {
        const place = await places.of(folder);
        const maker = outputs.get(place);
        if (maker && maker.job === job) throw overlap(maker.out, `is its own input ${folder}`);
        if (maker?.final) job.waitsFor.add(maker.entry);
        else read.set(place, folder);
      }
    }
    for (const file of [entry.source.recipe, entry.source.at.file]) {
      if (file !== undefined) read.set(await places.of(file), file);
    }
  }
  for (const [place, output] of outputs) {
    const inside = outerOf(place, read) ?? read.get(place);
    if (inside !== undefined) throw overlap(output.out, `lies inside ${inside}, which is read`);
    if (place === cache || isInside(place, cache)) throw overlap(output.out, `lies inside the hub cache ${cache}`);
  }
  for (const [place, path] of read) {
    const around = outerOf(place, outputs);
    if (around) throw overlap(around.out, `contains ${path}, which is read`);
  }
  refuseCircles(entries);
}

/** All outputs by the paths they have or will have, links followed. */
async function outputsOf(entries: readonly EntryJob[], places: PlaceCache): Promise<Map<string, Output>> {
  const outputs = new Map<string, Output>();
  const stages = new Set<Job>();
  for (const entry of entries) {
    const own: Output = { job: entry.job, entry, final: true, out: entry.out };
    const place = await places.of(entry.out);
    const first = outputs.get(place);
    if (first) {
      const line = first.entry.source.at.position?.line;
      const where = line === undefined ? `entry ${first.entry.index}` : `the entry on line ${line}`;
      throw refusal(own, `is the output of ${where} as well`);
    }
    outputs.set(place, own);
  }
  for (const entry of entries) {
    for (const job of entry.stages) {
      if (stages.has(job)) continue;
      stages.add(job);
      const place = await places.of(job.out);
      const stage: Output = { job, entry, final: false, out: job.out };
      if (outputs.has(place)) throw refusal(stage, "is an output already");
      outputs.set(place, stage);
    }
  }
  return outputs;
}

/** Folders of models and adapters that the job reads from disk and that are no stages. What is missing is reported later. */
async function foldersOf({ recipe, stages }: Job, cache: string | undefined): Promise<string[]> {
  const parts = namedModels(recipe).flatMap(({ path, revision, lora }) => [
    { path, revision },
    ...(lora ? [lora] : []),
  ]);
  const plain = parts.filter(({ path }) => !stages.has(path));
  // A model that is not there yet may be the output of another entry.
  return Promise.all(plain.map((part) => locate(part, { cache }).catch(() => resolve(part.path))));
}

/** The nearest of `map` that contains `place`. */
function outerOf<T>(place: string, map: ReadonlyMap<string, T>): T | undefined {
  for (let path = place; dirname(path) !== path; ) {
    path = dirname(path);
    const found = map.get(path);
    if (found !== undefined) return found;
  }
  return undefined;
}

function refuseCircles(entries: readonly EntryJob[]): void {
  const done = new Set<EntryJob>();
  const visit = (entry: EntryJob, open: readonly EntryJob[]): void => {
    if (done.has(entry)) return;
    if (open.includes(entry)) {
      const circle = [...open.slice(open.indexOf(entry)), entry].map(({ out }) => out).join(" needs ");
      const { file, position } = entry.source.at;
      throw badRecipe(`these entries wait for each other: ${circle}`, position, file, undefined);
    }
    for (const next of entriesNeededBy(entry)) visit(next, [...open, entry]);
    done.add(entry);
  };
  for (const entry of entries) visit(entry, []);
}

/** The entries whose outputs an entry or its stages read. */
export function entriesNeededBy({ job, stages }: EntryJob): Set<EntryJob> {
  return new Set([...stages, ...(job ? [job] : [])].flatMap(({ waitsFor }) => [...waitsFor]));
}

function refusal({ entry, out }: Output, what: string): RetemperError {
  const { file, position } = entry.source.at;
  return badRecipe(`the output ${out} ${what}`, position, file, "give every entry a folder of its own");
}

/** Real paths, each looked up once. */
class PlaceCache {
  readonly #known = new Map<string, Promise<string>>();

  of(path: string): Promise<string> {
    const known = this.#known.get(path) ?? futurePath(path);
    this.#known.set(path, known);
    return known;
  }
}
