// Where the program of a model's thread lies.

/**
 * Beside this file. A test runner that executes the TypeScript sources has no such file there: threads are plain Node, so
 * they run the compiled one (npm run build).
 */
export function workerFile(): URL {
  const compiled = import.meta.url.endsWith(".ts") ? "../../../dist/generate/worker/main.js" : "./main.js";
  return new URL(compiled, import.meta.url);
}
