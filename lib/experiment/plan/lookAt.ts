// Goes through the stages of a run as far as they can be known, and does nothing.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Task } from "../../evaluate/types.js";
import type { TunedModel } from "../candidates/merges.js";
import { allTasks } from "../checks/askedTasks.js";
import type { Checked } from "../checks/checked.js";
import { labelsOf } from "../checks/labels.js";
import { Digests } from "../digests/contents.js";
import { digestOf } from "../digests/digestOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { stages } from "../stages.js";
import { Progress } from "../steps/progress.js";
import { refuseOld } from "../steps/refuseOld.js";
import { StepRecords } from "../steps/stepRecords.js";
import type { Store } from "../store/store.js";
import { Store as OpenedStore } from "../store/store.js";
import { type LookedAt, Lookout, NotThereYet } from "./lookout.js";
import { meanTokensOf } from "./openCosts.js";

export interface Looked {
  readonly parts: readonly LookedAt[];
  /** Whether all stages could be looked at, so that nothing is left but what `parts` say. */
  readonly finished: boolean;
  /** Whether the controls were begun, which come last. */
  readonly reachedControls: boolean;
  /** Of the answers to a task that are there, new tokens. */
  readonly meanTokens: (task: Task) => number | undefined;
}

export async function lookAt(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  checked: Checked,
  {
    out,
    store: place = out,
    signal,
  }: { readonly out: string; readonly store?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<Looked> {
  await refuseOld(out);
  const records = new StepRecords(out);
  const lookout = new Lookout(records);
  const somethingIsThere = existsSync(join(out, "steps")) || existsSync(join(place, "answers"));
  const contents = new PlannedDigests(out, somethingIsThere, lookout.unmade, signal);
  const endpoint = settings.engine?.endpoint;
  const served = endpoint && { url: endpoint.url, aligned: "", modules: new Map<string, string>(), command: "" };
  const progress = new Progress(undefined, { name: settings.name, labels: labelsOf(settings, checked).validation });
  let store: Store | undefined;
  let reachedControls = false;
  let finished = false;
  try {
    await stages(settings, given, checked, {
      ...{ out, folder: undefined, graph: lookout.graph, progress, records, contents },
      openStore: (scorerDigest) => {
        store = new OpenedStore(place, scorerDigest);
        return store;
      },
      inTurn: async () => {},
      serve: async () => served,
      onControls: () => {
        reachedControls = true;
      },
    });
    finished = true;
  } catch (error) {
    if (!(error instanceof NotThereYet)) throw error;
  }
  const meanTokens = await meanTokensOf(store, allTasks(checked));
  return { parts: lookout.parts, finished, reachedControls, meanTokens };
}

/** Of models that are still to be made, a digest that nothing has; and where nothing was ever done, no file is read for one. */
export class PlannedDigests extends Digests {
  readonly #isNeeded: boolean;
  readonly #unmade: ReadonlySet<string>;

  constructor(out: string, isNeeded: boolean, unmade: ReadonlySet<string>, signal: AbortSignal | undefined) {
    super(out, signal);
    this.#isNeeded = isNeeded;
    this.#unmade = unmade;
  }

  override async model(model: string): Promise<string> {
    const unmade = [...this.#unmade].some((folder) => model.includes(folder));
    return this.#isNeeded && !unmade ? super.model(model) : digestOf("model", ["not there", model]);
  }

  override async modelOrFile(path: string): Promise<string> {
    return this.#isNeeded ? super.modelOrFile(path) : digestOf("model", ["not there", path]);
  }
}
