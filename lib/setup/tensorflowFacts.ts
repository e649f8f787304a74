// What a TensorFlow that was set up says of itself. In a file of its own, so that the package's types do not lead to
// TensorFlow.js's, which a strict consumer does not compile.

export interface TensorflowFacts {
  /** Whether TensorFlow computes on a GPU; asked, never assumed. */
  readonly gpu: boolean;
  readonly versions: { readonly "TensorFlow.js": string; readonly TensorFlow: string };
}
