// Results of stages live as long as something of the batch still needs them.

import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ioError } from "../files/ioError.js";
import type { EntryJob, Job } from "./graph.js";
import { workFolder } from "./graph.js";

export class Intermediates {
  /** The jobs that still need a stage's result. */
  readonly #users = new Map<Job, Set<Job>>();
  /** The stages that still have a result in a work folder. */
  readonly #folders = new Map<string, Set<Job>>();

  /** @param keep leaves all results where they are */
  constructor(entries: readonly EntryJob[], keep: boolean) {
    if (keep) return;
    for (const { job, stages } of entries) {
      for (const user of [...stages, ...(job ? [job] : [])]) {
        for (const stage of user.stages.values()) setOf(this.#users, stage).add(user);
      }
    }
    for (const { out, stages } of entries) {
      const folder = workFolder(out);
      for (const stage of stages) if (stage.out.startsWith(`${folder}/`)) setOf(this.#folders, folder).add(stage);
    }
  }

  /** Says that a job is complete: what only it needed is removed, also what an earlier run left of it. */
  async done(job: Job): Promise<void> {
    for (const stage of job.stages.values()) {
      const users = this.#users.get(stage);
      if (!users?.delete(job) || users.size > 0) continue;
      await this.#remove(stage);
      await this.done(stage);
    }
  }

  async #remove(stage: Job): Promise<void> {
    let path = stage.out;
    for (const [folder, stages] of this.#folders) {
      if (!stages.delete(stage)) continue;
      if (stages.size === 0) path = folder;
    }
    try {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      throw ioError(error, path, `cannot remove the intermediate result in ${dirname(stage.out)}`);
    }
  }
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const set = map.get(key) ?? new Set<V>();
  map.set(key, set);
  return set;
}
