// Vitest runs everything under test/ except the benchmarks; titles are sentences about behaviour. Most test files share
// the processes that run them (project "shared"): loading the library takes longer than most files' tests do. A file that
// changes what its process shares (modules, memory, file descriptors, the environment) is named below and has one of its own.

import { join } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** In processes of their own. */
const alone = [
  "test/unit/hub/cache.test.ts", // loads modules anew
  "test/unit/experiment/planPrograms.test.ts", // replaces what opens the sandbox
  "test/unit/generate/worker/modelThread.test.ts", // replaces node:worker_threads, and looks at memory
  "test/unit/serve/requestWeights.test.ts", // replaces node:worker_threads
  "test/unit/nn/engines/native/nativeBackend.test.ts", // looks at what the backend holds
  "test/unit/nn/engines/tensorflow/loadTensorflow.test.ts", // asks for a TensorFlow that no other test has loaded
  "test/unit/nn/engines/tensorflow/tensorflowEngine.test.ts", // looks at memory, as do the next three
  "test/hostile/header.test.ts",
  "test/hostile/documents.test.ts",
  "test/addon/failingMemory.test.ts",
  "test/e2e/abort.test.ts", // counts open files
];

/** What takes longest where no earlier run has told: begun first, so that no worker is left alone with it in the end. */
const longest = [
  "e2e/killShared",
  "e2e/killExperiment",
  "faults/failEach",
  "faults/otherProcesses",
  "unit/evaluate/sandbox/canaries",
  "golden/generate/demoLambdas",
  "golden/lora/train",
  "golden/generate/answers",
  "e2e/experimentCommands",
  "unit/experiment/plan",
  "unit/experiment/steps",
  "faults/killEach",
  "hostile/chatTemplate",
];

/** Files with a process of their own begin, so that what the others share is loaded once by each worker. */
class AloneFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ project, moduleId }: TestSpecification) => {
      if (project.name === "alone") return 0;
      return longest.some((name) => moduleId.endsWith(`/test/${name}.test.ts`)) ? 1 : 2;
    };
    return sorted.sort((a, b) => rank(a) - rank(b)); // in each rank as it was: the sort is stable
  }
}

// test/gpu has a command of its own, which says so where there is no GPU: npm run test:gpu.
const exclude = [
  ...["**/node_modules/**", "dist/**", "build/**", "test/bench/**"],
  ...(process.env.RETEMPER_TEST_GPU ? [] : ["test/gpu/**"]),
  // A whole `npm test` leaves out installations, and whole runs that are killed or repeated: CI has them. Their promises in
  // short: test/faults/killEach.test.ts, test/limits/memory.test.ts.
  ...(process.env.RETEMPER_TEST_SHORT
    ? ["e2e/pack", "e2e/killBatch", "e2e/killEvaluation", "e2e/killExperiment", "e2e/killShared", "limits/soak"].map(
        (name) => `test/${name}.test.ts`,
      )
    : []),
];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "alone", include: alone, exclude } },
      {
        extends: true,
        test: { name: "shared", include: ["test/**/*.test.ts"], exclude: [...exclude, ...alone], isolate: false },
      },
    ],
    // No test reaches a network: those that download have a hub of their own on this machine.
    env: { HF_HUB_OFFLINE: "1", HF_ENDPOINT: "http://127.0.0.1:9", HF_TOKEN: "" },
    globalSetup: ["test/temporaryPlace.ts"],
    sequence: { sequencer: AloneFirst },
    // The addon is loaded by most tests; processes keep one test file's crash from taking others with it.
    pool: "forks",
    maxWorkers: "100%", // the default leaves one core idle, which is half of a small machine
    testTimeout: 60_000,
    hookTimeout: 120_000,
    ...(process.env.RETEMPER_COVERAGE ? coverage(process.env.RETEMPER_COVERAGE) : {}),
  },
});

/** What scripts/coverage.mjs asks for: the counts of all files of lib, those that no test loads too. */
function coverage(folder: string): ViteUserConfig["test"] {
  return {
    setupFiles: ["test/coverage.ts"],
    coverage: {
      enabled: true,
      provider: "v8",
      include: ["lib/**/*.ts"],
      exclude: ["lib/play/page/**"], // runs in a browser (test/e2e/playBrowser.test.ts), where nothing counts
      reporter: ["json"],
      reportsDirectory: join(folder, "vitest"),
      reportOnFailure: true,
    },
  };
}
