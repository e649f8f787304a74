// What the processes of the generation benchmark share: their settings, their prompts, and how repeats become a number.

/** The settings that the benchmark gives as the process's argument. */
export function settings() {
  return JSON.parse(process.argv[2]);
}

/** Token ids of a seed (a multiplicative generator): the same for every engine, never two prompts alike. */
export function ids(count, vocabulary, seed) {
  let state = BigInt(seed) * 6364136223846793005n + 1442695040888963407n;
  return Array.from({ length: count }, () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return 3 + Number((state >> 33n) % BigInt(vocabulary - 3));
  });
}

/** Runs once to warm up, then `repeats` times; the best rate: what the engine can do when nothing disturbs it. */
export async function timesOf(repeats, measure) {
  await measure(0);
  let best = 0;
  for (let repeat = 1; repeat <= repeats; repeat++) best = Math.max(best, await measure(repeat));
  return best;
}
