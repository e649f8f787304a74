// fast-check with one seed, so that the tests of a commit are the same wherever and whenever they run. RETEMPER_TEST_SEED tries
// others: what they find becomes a case of its own.

import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.RETEMPER_TEST_SEED ?? 20_261_201) });

export default fc;
