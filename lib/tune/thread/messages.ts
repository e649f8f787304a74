// What a training's thread and its caller tell each other: plain data.

import type { WireError } from "../../threads/wireError.js";
import type { TuneOptions, TuneProgress, TuneReport, TuneRow } from "../types.js";

/** Given to the thread when it starts. */
export interface TuneRequest {
  readonly model: string;
  readonly data: string | readonly TuneRow[];
  readonly out: string;
  readonly options: Omit<TuneOptions, "signal" | "onProgress" | "onStopped" | "hub">;
  /** One Int32, not 0 once the training is to stop: read between layers, since nothing is received meanwhile. */
  readonly stop: SharedArrayBuffer;
}

export type FromTuning =
  | { readonly type: "progress"; readonly progress: TuneProgress }
  | { readonly type: "done"; readonly report: TuneReport }
  | { readonly type: "failed"; readonly error: WireError };
