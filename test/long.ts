// The long form of the tests (npm run test:long, and CI): every case, where `npm test` takes a few that stand for the others.

/** Whether this is the long form. */
export const long = process.env.RETEMPER_TEST_LONG === "1";

/** All in the long form; by default those that stand for them. */
export function casesOf<T>(all: readonly T[], byDefault: readonly T[]): readonly T[] {
  return long ? all : byDefault;
}
