import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { markdownText, modelCard } from "../../../lib/merge/card.js";
import fc from "../../properties.js";

const card = (models: string[], recipe = "merge_method: linear") =>
  modelCard({
    name: "out",
    method: "linear",
    models,
    sources: models.map((id) => ({ path: id, name: id, id, bases: [] })),
    baseModel: models[0],
    recipe,
    version: "1",
  });

describe("modelCard", () => {
  it("gives back every name from its front matter, whatever the name holds", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (models) => {
        const [before, front = ""] = card(models).split(/^---$/m);
        expect(before).toBe("");
        expect(parse(front).base_model).toEqual([...new Set(models)]);
      }),
      { examples: [[["a\n---\nb", "---", "\u2028---", "{{x}}", "!!js/function"]]], numRuns: 200 },
    );
  });

  it("keeps a recipe inside its block, whatever fences it has", () => {
    const recipe = "a: 1\n```\n# heading\n````yaml\n";
    expect(card(["m"], recipe)).toContain(`\n\`\`\`\`\`yaml\n${recipe.trimEnd()}\n\`\`\`\`\`\n`);
  });
});

describe("markdownText", () => {
  it("leaves no line break, tag, link or emphasis to act", () => {
    expect(markdownText("a\n# b")).toBe("a \\# b");
    expect(markdownText("<img src=x onerror=y>")).toBe("&lt;img src=x onerror=y&gt;");
    expect(markdownText("[x](javascript:y)")).toBe("\\[x\\]\\(javascript:y\\)");
    expect(markdownText("`*_~|$")).toBe("\\`\\*\\_\\~\\|\\$");
    expect(markdownText("&lt;")).toBe("&amp;lt;");
  });
});
