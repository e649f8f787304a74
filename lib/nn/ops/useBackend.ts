// Several models of a thread may live on different backends of TensorFlow.js, which has one that is current.

import { getBackend, setBackend } from "../tensorflowCore.js";

/** Makes a backend current that is ready: it takes effect at once. */
export function useBackend(name: string): void {
  if (getBackend() !== name) void setBackend(name);
}
