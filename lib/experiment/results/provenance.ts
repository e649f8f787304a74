// What a run's numbers came from: versions, machine, seeds, and digests of models, data and settings. Paths are told from the
// experiment's folder or the run's, so that reports can be published and do not depend on where these lie.

import { createHash } from "node:crypto";
import { arch, cpus, platform, release } from "node:os";
import { relative, resolve, sep } from "node:path";
import type { EngineFacts } from "../../generate/types.js";
import type { ExperimentResults } from "../../report/types.js";
import type { TunedModel } from "../candidates/merges.js";
import type { Checked } from "../checks/checked.js";
import { choosingWeights } from "../settings/engineOf.js";
import { withParts } from "../settings/modelParts.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { SeedResults } from "../tables/measure.js";

export interface ProvenanceParts {
  readonly settings: ExperimentSettings;
  readonly tuned: readonly TunedModel[];
  readonly checked: Checked;
  /** Of the models that were measured, by where they lie. */
  readonly digests: ReadonlyMap<string, string>;
  readonly out: string;
  /** Where experiment.yml lies, if it is a file. */
  readonly folder: string | undefined;
}

export function provenanceOf(
  { settings, tuned, digests, checked, out, folder }: ProvenanceParts,
  [first]: readonly SeedResults[],
): ExperimentResults["provenance"] {
  const { engine } = first?.results ?? {};
  const within = [out, ...(folder === undefined ? [] : [folder])];
  const { safety, safetyTest, validation, test, skills = [], skillsTest = [] } = checked.tasks;
  const files = [...safety, ...safetyTest, ...validation, ...test, ...skills, ...skillsTest]
    .flatMap(({ data }) => data)
    .flatMap(({ source, commit, files: of }) =>
      of.map(({ sha256, rows }) => ({
        source: commit === undefined ? shownPath(source, within) : `${source}@${commit}`,
        ...{ sha256, rows },
      })),
    );
  const roleOf = (path: string) =>
    path === settings.aligned ? "aligned" : path === settings.unaligned ? "unaligned" : "fine-tuned";
  const shownModel = (model: string) => withParts(model, (path) => shownPath(path, within));
  return {
    version: engine?.versions.retemper ?? "",
    engine: engine ? engineName(engine) : "",
    unwritten: howVirtual(settings, checked),
    platform: `${platform()} ${arch()}, ${cpus()[0]?.model ?? ""}, ${release()}`,
    seeds: tuned.map(({ seed }) => seed),
    models: [...digests].map(([path, digest]) => ({ role: roleOf(path), path: shownModel(path), digest })),
    data: [...new Map(files.map((file) => [file.sha256, file])).values()],
    experiment: settingsDigest(settings, folder),
  };
}

function engineName({ engine, device, precision, cache }: EngineFacts): string {
  return [engine, device, ...(precision ? [precision] : []), ...(cache ? [`keys and values in ${cache}`] : [])].join(
    ", ",
  );
}

/** A path from the first of some folders that it lies in; others, and names of the hub, as they are. */
export function shownPath(path: string, folders: readonly string[]): string {
  const place = resolve(path);
  const folder = folders.find((one) => place.startsWith(one + sep));
  return folder === undefined ? path : relative(folder, place);
}

/** sha256 of the settings with the experiment's paths as from its folder: copies of an experiment have the same. */
export function settingsDigest(settings: ExperimentSettings, folder: string | undefined): string {
  const text = JSON.stringify(settings);
  const moved = folder === undefined ? text : text.replaceAll(JSON.stringify(folder + sep).slice(1, -1), "");
  return createHash("sha256").update(moved).digest("hex");
}

function howVirtual({ engine }: ExperimentSettings, checked: Checked): string {
  if (engine?.endpoint) return "adapters scaled by lambda, on the server";
  const { weights } = choosingWeights({ engine });
  if (weights !== undefined) return `virtual merges; weights in the blocks of ${weights}, as its GGUF file has them`;
  if (checked.engine !== "native") return "written one at a time and removed";
  if (engine?.fidelity === "exact") return "virtual merges; weights rounded as a written merge's";
  return "virtual merges; weighted sums in float32, other methods rounded as written";
}
