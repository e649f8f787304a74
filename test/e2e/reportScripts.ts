// What runs within a report's page in a browser, and says what of it cannot be read.

/** Sums of light of colours, for both scripts below. */
const LIGHT = `
  const numbers = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const ratioOf = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + .05) / (b + .05);
  };`;

/** Marks of the figures and their key whose contrast with the page is below 3 (WCAG 2.2, 1.4.11), after how many there are. */
export const LOW_MARKS = `(() => {${LIGHT}
  const ground = numbers(getComputedStyle(document.body).backgroundColor);
  const marks = [...document.querySelectorAll("figure g[data-mark=dot] :is(circle,path), .key :is(circle,path), .rows circle")];
  const low = marks.flatMap((one) => {
    const { stroke, fill } = getComputedStyle(one);
    const ratio = Math.max(...[stroke, fill].flatMap((of) => (of === "none" ? [] : [ratioOf(numbers(of), ground)])));
    return ratio < 3 ? [one.outerHTML.slice(0, 80) + ratio.toFixed(2)] : [];
  });
  return [marks.length, low];
})()`;

/** Texts whose contrast with the ground behind them is below 4.5 (WCAG 2.2, 1.4.3). */
export const LOW_CONTRAST = `(() => {${LIGHT}
  const groundOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = numbers(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("h1,h2,p,a,th,td,caption,figcaption,summary,dt,dd,li,strong,code,span,svg text")];
  return texts.filter((one) => one.textContent.trim() !== "" && one.getClientRects().length > 0).flatMap((one) => {
    const style = getComputedStyle(one);
    const colour = one.closest("svg") ? (style.fill === "none" ? style.color : style.fill) : style.color;
    const ratio = ratioOf(numbers(colour), groundOf(one));
    return ratio < 4.5 ? [one.tagName + " " + one.textContent.slice(0, 30) + " " + ratio.toFixed(2)] : [];
  });
})()`;

/**
 * Texts that are cut: of a picture, those that reach beyond it; of the page, those that reach beyond a box that hides what is
 * beyond. What scrolls (wide tables) shows all.
 */
export const CLIPPED = `(() => {
  const cut = [];
  for (const text of document.querySelectorAll("svg[viewBox] text, svg[viewBox] tspan")) {
    if (text.getClientRects().length === 0 || text.textContent.trim() === "") continue;
    const [inner, outer] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
    if (inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1)
      cut.push("picture: " + text.textContent);
  }
  const wide = document.documentElement.clientWidth;
  for (const one of document.querySelectorAll("h1,h2,h3,p,li,dt,dd,summary,figcaption,caption .shown,code,.rows span,.ticks b")) {
    const box = one.getBoundingClientRect();
    if (one.closest("details:not([open])") && !one.matches("summary")) continue; // it has a box, and is not shown
    if (box.width === 0 || (one.closest(".wide") && !one.matches(".shown")) || one.matches(".skip")) continue;
    if (box.left < -1 || box.right > wide + 1 || one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible")
      cut.push("page: " + one.textContent.slice(0, 60));
  }
  return cut;
})()`;

/** Texts of one picture that lie on each other. */
export const OVERLAPPING = `(() => {
  const found = [];
  for (const picture of document.querySelectorAll("svg[viewBox]")) {
    const boxes = [...picture.querySelectorAll("text")]
      .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }))
      .filter(({ text, box }) => text.trim() !== "" && box.width > 0);
    boxes.forEach((a, at) => boxes.slice(at + 1).forEach((b) => {
      const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const down = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (across > 1 && down > 2) found.push(a.text + " on " + b.text);
    }));
  }
  return found;
})()`;
