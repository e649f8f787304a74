// Runs one native job as a promise: AbortSignal in, progress out, errors with the caller's stack.

import { isErrorCode, RetemperError } from "../errors.js";
import type { NativeJob } from "./surface.js";

export interface JobOptions<P> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: P) => void) | undefined;
}

/**
 * Runs one native job. Rejects with `signal.reason` when aborted (before the start: no native call is made),
 * with the callback's own error when `onProgress` throws (the job is cancelled), else with a RetemperError
 * that carries the stack of the caller.
 */
export async function runJob<T, P>(
  start: (onProgress?: (progress: P) => void) => NativeJob<T>,
  { signal, onProgress }: JobOptions<P> = {},
): Promise<T> {
  signal?.throwIfAborted();
  const site = new Error(); // errors made in a native completion have no JS stack
  let thrown: { readonly error: unknown } | undefined;
  let cancel = (): void => {};
  const job = guarded(site, () =>
    start(
      onProgress &&
        ((progress) => {
          if (thrown) return;
          try {
            onProgress(progress);
          } catch (error) {
            thrown = { error };
            cancel();
          }
        }),
    ),
  );
  cancel = () => job.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    const value = await job.promise;
    if (thrown) throw thrown.error;
    return value;
  } catch (error) {
    if (thrown) throw thrown.error;
    signal?.throwIfAborted();
    throw fromNative(error, site);
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

/** A plan that native code refuses at once is a RetemperError too. */
function guarded<T>(site: Error, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error, site);
  }
}

/** Turns what native code threw ({code, message, file, tensor, hint}) into a RetemperError. */
export function fromNative(error: unknown, site?: Error): RetemperError {
  const facts = error as { code?: unknown; message?: string; file?: string; tensor?: string; hint?: string };
  const merged = new RetemperError(isErrorCode(facts.code) ? facts.code : "INTERNAL", facts.message ?? String(error), {
    file: facts.file,
    tensor: facts.tensor,
    hint: facts.hint,
    cause: error,
  });
  if (site?.stack) merged.stack = `${merged.name}: ${merged.message}\n${site.stack.split("\n").slice(1).join("\n")}`;
  return merged;
}
