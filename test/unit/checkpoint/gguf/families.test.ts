import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  familyOfArchitecture,
  familyOfModelType,
  GGUF_FAMILIES,
  ggufName,
  hfName,
} from "../../../../lib/checkpoint/formats/gguf/families/families.js";
import type { GgufFamily } from "../../../../lib/checkpoint/formats/gguf/families/types.js";

interface Golden {
  readonly type: string;
  readonly architecture: string;
  readonly names: Readonly<Record<string, string>>;
}
const golden = JSON.parse(readFileSync(new URL("../../../golden/gguf/names.json", import.meta.url), "utf8")) as Record<
  string,
  Golden
>;

describe.each(Object.entries(golden))("%s", (_, { type, architecture, names }) => {
  const family = familyOfModelType(type) as GgufFamily;

  it("is known by its type and its architecture", () => {
    expect(family.architecture).toBe(architecture);
    expect(familyOfArchitecture(architecture)).toBe(family);
  });

  it("has the names that PyPI's gguf gives its tensors, and they lead back", () => {
    for (const [hf, gguf] of Object.entries(names)) {
      expect(ggufName(family, hf)?.name, hf).toBe(gguf);
      expect(hfName(family, gguf)?.name, gguf).toBe(hf);
      expect(hfName(family, gguf)?.change).toEqual(ggufName(family, hf)?.change);
    }
  });
});

describe("the families", () => {
  it("have no two modules of one name", () => {
    for (const { modules, architecture } of GGUF_FAMILIES) {
      for (const side of ["hf", "gguf"] as const) {
        const names = modules.map((module) => module[side]);
        expect(new Set(names).size, architecture).toBe(names.length);
      }
    }
  });

  it("do not know a tensor that their models do not have", () => {
    for (const family of GGUF_FAMILIES) {
      for (const name of ["", "blk.0.ssm_a", "blk.x.attn_q.weight", "blk.01.attn_q.weight", "blk.0.attn_q.scale"]) {
        expect(hfName(family, name)).toBeUndefined();
      }
    }
  });
});
