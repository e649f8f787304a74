// The form of names on the hub: the cases of huggingface_hub's own documentation of validate_repo_id, and a few more.

import { describe, expect, it } from "vitest";
import { isRepositoryName } from "../../../lib/hub/repositoryName.js";

describe("a name of the hub", () => {
  it.each(["org/name", "Org-1/name_v2.0", "_org/name", `org/${"x".repeat(96)}`])("may be %s", (id) => {
    expect(isRepositoryName(id)).toBe(true);
  });

  it.each([
    ...["foo--bar/name", "org/foo..bar", "org/foo.git", "org/.name", "org/name-", "org/-name", "org/name.", "a/b/c"],
    ...["org/", "/name", "", "org/na me", "org/n\u00e4me", "./name", "../name", `org/${"x".repeat(97)}`],
  ])("is not %s", (id) => {
    expect(isRepositoryName(id)).toBe(false);
    expect(isRepositoryName(id, { alone: true })).toBe(false);
  });

  it("has one part only where the oldest models are looked for", () => {
    expect([isRepositoryName("gpt2"), isRepositoryName("gpt2", { alone: true })]).toEqual([false, true]);
  });
});
