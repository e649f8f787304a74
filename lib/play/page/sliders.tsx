// A column's lambda, or a weight for each adapter: a slider and a number field.

import type { PlayFacts, PlayPoint } from "../types.js";
import type { Column } from "./columns.js";
import type { Play } from "./play.js";
import { short } from "./words.js";

interface SlidersFacts {
  readonly play: Play;
  readonly facts: PlayFacts;
  readonly column: Column;
  readonly number: number;
}

export function Sliders({ play, facts, column, number }: SlidersFacts) {
  const { lambda, weights } = column.point.value;
  const move = (point: PlayPoint) => play.move(column, point);
  if (lambda !== undefined && facts.lambdaRange) {
    const said = { name: "lambda", label: `lambda of column ${number}`, range: facts.lambdaRange };
    return <Slider {...said} value={lambda} onMove={(value) => move({ lambda: value })} />;
  }
  return (
    <>
      {Object.entries(weights ?? {}).map(([name, weight]) => (
        <Slider
          key={name}
          {...{ name, label: `weight of ${name}, column ${number}`, range: [0, 1] as const, value: weight }}
          onMove={(value) => move({ weights: { ...weights, [name]: value } })}
        />
      ))}
    </>
  );
}

interface SliderFacts {
  readonly name: string;
  readonly label: string;
  readonly range: readonly [number, number];
  readonly value: number;
  readonly onMove: (value: number) => void;
}

function Slider({ name, label, range: [min, max], value, onMove }: SliderFacts) {
  const step = (max - min) / 100;
  const onInput = (event: { readonly currentTarget: HTMLInputElement }) => {
    const { value: text } = event.currentTarget;
    if (text.trim() !== "" && Number.isFinite(Number(text))) onMove(Number(text));
  };
  return (
    <div class="slider">
      <span aria-hidden="true">{name}</span>
      <input type="range" aria-label={label} {...{ min, max, step }} value={value} onInput={onInput} />
      <input type="number" aria-label={`${label}, as a number`} step="any" value={short(value)} onInput={onInput} />
    </div>
  );
}
