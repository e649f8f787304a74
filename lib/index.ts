// The public surface of the library: names that stay. Each entry is a subpath of the package as well.

export * from "./entries/evaluate.js";
export * from "./entries/experiment.js";
export * from "./entries/generate.js";
export * from "./entries/hub.js";
export * from "./entries/merge.js";
export * from "./entries/serve.js";
export * from "./entries/statistics.js";
export * from "./entries/study.js";
export * from "./entries/tune.js";
