// What one scorer said of answers, whichever model gave them.

import type { StoredScore } from "../../evaluate/run/journal.js";
import { RecordFiles, type RecordPlace } from "./recordFiles.js";

const VERDICTS = "retemper-verdicts/1";

interface VerdictRecord {
  readonly of: string;
  readonly is: StoredScore;
}

export class Verdicts {
  readonly #known = new Map<string, StoredScore>();
  readonly files: RecordFiles<VerdictRecord>;

  private constructor(place: RecordPlace) {
    this.files = new RecordFiles<VerdictRecord>({
      ...{ ...place, head: { format: VERDICTS } },
      take: ({ of, is }) => {
        if (!this.#known.has(of)) this.#known.set(of, is);
      },
    });
  }

  static async open(place: RecordPlace): Promise<Verdicts> {
    const verdicts = new Verdicts(place);
    await verdicts.files.refresh();
    return verdicts;
  }

  get(of: string): StoredScore | undefined {
    return this.#known.get(of);
  }

  close(): void {
    this.files.close();
  }
}
