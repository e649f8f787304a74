// Where the labels of points go: beside them, within the frame, and on no other label or point.

export interface LabelledPoint {
  /** Pixels. */
  readonly x: number;
  readonly y: number;
  readonly text: string;
  /** Drawn wherever there is most room, if there is none; others are left out then. */
  readonly needed: boolean;
  /** How far the mark reaches from its middle. */
  readonly reach?: number | undefined;
}

export interface PlacedLabel {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly anchor: "start" | "middle" | "end";
  /** Where the label is far from its point: the point, to draw a line from. */
  readonly from?: { readonly x: number; readonly y: number } | undefined;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Pixels from which a label needs a line to its point. */
const FAR = 22;
const FONT = 12;
const LINE = 16;
/** Of a character, wide fonts included. */
const CHARACTER = 7;

/** Pixels that a text takes at most, about. */
export function widthOf(text: string): number {
  return text.length * CHARACTER;
}

/**
 * Greedy, in the order of the points: the most important first.
 * @param marks what must not be covered
 * @param taken boxes that are used already
 */
export function placeLabels(
  points: readonly LabelledPoint[],
  marks: readonly { readonly x: number; readonly y: number }[],
  frame: Box,
  taken: readonly Box[] = [],
): PlacedLabel[] {
  const boxes = [...taken];
  return points.flatMap((point): PlacedLabel[] => {
    const options = placesOf(point).map((placed) => {
      const box = boxOf(placed);
      const covered = boxes.filter((other) => overlap(box, other)).length;
      const outside =
        box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
      const hidden = marks.filter(({ x, y }) => overlap(box, around(x, y))).length;
      return { placed, box, cost: 100 * covered + (outside ? 1000 : 0) + 3 * hidden, bad: covered > 0 || outside };
    });
    const best = options.reduce((least, one) => (one.cost < least.cost ? one : least));
    if (!point.needed && (best.bad || best.cost > 3)) return [];
    boxes.push(best.box);
    const { placed } = best;
    const far = Math.hypot(placed.x - point.x, placed.y - point.y) > FAR;
    return [far ? { ...placed, from: { x: point.x, y: point.y } } : placed];
  });
}

/** Of some places for a label the one that covers least, the first of equal ones. */
export function freestPlace(
  places: readonly PlacedLabel[],
  marks: readonly { readonly x: number; readonly y: number }[],
): PlacedLabel & { readonly box: Box } {
  const costs = places.map((placed) => {
    const box = boxOf(placed);
    return { ...placed, box, cost: marks.filter(({ x, y }) => overlap(box, around(x, y))).length };
  });
  return costs.reduce((least, one) => (one.cost < least.cost ? one : least));
}

function placesOf({ x, y, text, reach = 5 }: LabelledPoint): PlacedLabel[] {
  return [1, 2, 3.5, 6].flatMap((far) => {
    const [gap, up] = [reach + 4 * far, reach + 8 * far];
    return [
      { x: x + gap, y, text, anchor: "start" as const },
      { x: x + gap, y: y + up, text, anchor: "start" as const },
      { x: x + gap, y: y - up, text, anchor: "start" as const },
      { x: x - gap, y, text, anchor: "end" as const },
      { x: x - gap, y: y - up, text, anchor: "end" as const },
      { x: x - gap, y: y + up, text, anchor: "end" as const },
      { x, y: y - up, text, anchor: "middle" as const },
      { x, y: y + up, text, anchor: "middle" as const },
    ];
  });
}

function boxOf({ x, y, text, anchor }: PlacedLabel): Box {
  const width = widthOf(text);
  const left = anchor === "start" ? x : anchor === "end" ? x - width : x - width / 2;
  return { left, right: left + width, top: y - LINE / 2, bottom: y + LINE / 2 };
}

function around(x: number, y: number): Box {
  const half = FONT / 2 - 1;
  return { left: x - half, right: x + half, top: y - half, bottom: y + half };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
