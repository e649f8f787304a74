// Vitest runs everything under test/ except the benchmarks; titles are sentences about behaviour.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // test/gpu has a command of its own, which says so where there is no GPU: npm run test:gpu.
    exclude: [
      ...["**/node_modules/**", "dist/**", "build/**", "test/bench/**"],
      ...(process.env.RETEMPER_TEST_GPU ? [] : ["test/gpu/**"]),
    ],
    // The addon is loaded by most tests; processes keep one test file's crash from taking others with it.
    pool: "forks",
    maxWorkers: "100%", // the default leaves one core idle, which is half of a small machine
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
