// Vitest runs everything under test/ except the benchmarks; titles are sentences about behaviour.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "dist/**", "build/**", "test/bench/**"],
    // The addon is loaded by most tests; processes keep one test file's crash from taking others with it.
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
