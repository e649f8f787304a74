// Heat maps of layers and modules: which square is darker, which has the other colour, and what they say in words.

import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import type { Figure } from "../../../lib/report/figures/figure.js";
import { heatMap } from "../../../lib/report/figures/heatMap.js";

const words = { id: "map", title: "A map", axes: "layers and modules", caption: "Of numbers.", digits: 2 };
const drawn = (cells: Parameters<typeof heatMap>[0]["cells"], more: object = {}) =>
  heatMap({ ...words, cells, ...more }) as Figure;
const squaresOf = ({ svg }: Figure) => [...parseHTML(svg).document.querySelectorAll("[data-mark=cell] rect")];

describe("a heat map", () => {
  const cells = [
    { layer: 0, module: "mlp", value: 0.5 },
    { layer: 1, module: "mlp", value: -1 },
    { layer: 0, module: "attention", value: 0 },
  ];

  it("has a square for each number: darker for a larger one, in another colour below zero", () => {
    const [half, least, zero] = squaresOf(drawn(cells)).map((square) => ({
      fill: square.getAttribute("fill"),
      opacity: Number(square.getAttribute("fill-opacity")),
    }));
    expect(half?.fill).not.toBe(least?.fill);
    expect(zero?.fill).toBe(half?.fill);
    expect(zero?.opacity).toBeLessThan(half?.opacity as number);
    expect(half?.opacity).toBeLessThan(least?.opacity as number);
  });

  it("says its numbers in words and has one name", () => {
    const figure = drawn(cells);
    expect(figure.alternative).toBe("mlp: layer 0 0.50, layer 1 -1.00; attention: layer 0 0.00.");
    const svg = parseHTML(figure.svg).document.querySelector("svg");
    expect(svg?.getAttribute("role")).toBe("img");
    expect(svg?.querySelector("title")?.textContent).toBe("A map");
  });

  it("puts numbers into its squares only where there is room for them", () => {
    const wide = Array.from({ length: 40 }, (_, layer) => ({ layer, module: "mlp", value: layer }));
    const numbers = ({ svg }: Figure) => parseHTML(svg).document.querySelectorAll("[data-mark=text] text").length;
    expect(numbers(drawn(cells))).toBe(3);
    expect(numbers(drawn(wide))).toBe(0);
    expect(squaresOf(drawn(wide)).length).toBe(40);
  });

  it("is none of nothing, and escapes names", () => {
    expect(heatMap({ ...words, cells: [] })).toBeUndefined();
    expect(drawn([{ layer: 0, module: "<b>x</b>", value: 1 }]).svg).not.toContain("<b>");
  });
});
