// The page's style: light and dark, narrow and printed.

import { PRINT } from "./printStyle.js";

/** Of the figures: each can be told from its ground (3 to 1 at least), and most from each other by colour-blind people. */
const SERIES = {
  light: ["#0072b2", "#c04a00", "#00795a", "#a8417f", "#8a6500", "#5b4fc4", "#5f6b00"],
  dark: ["#56b4e9", "#ff9248", "#2fc99a", "#e79fc9", "#f0c040", "#aaa4ff", "#cfd04a"],
} as const;

export const PALETTE_SIZE = SERIES.light.length;

const series = (colours: readonly string[]) => colours.map((colour, at) => `--series-${at}: ${colour};`).join(" ");

const LIGHT = `--ink: #1b1f24; --ground: #fff; --soft: #57606a; --line: #d8dee4; --raised: #f6f8fa; --link: #0550ae; --limit: #b3261e; --ships: #1a7f37; --attention: #8f5a00; --no: #b3261e; --edge: #6e7781; --parts: #fff1cc; ${series(SERIES.light)}`;
const DARK = `--ink: #e6edf3; --ground: #0d1117; --soft: #9aa4af; --line: #30363d; --raised: #161b22; --link: #79b8ff; --limit: #ff8a80; --ships: #4ac26b; --attention: #e3b341; --no: #ff8a80; --edge: #7d8590; --parts: #453508; ${series(SERIES.dark)}`;

const MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";

/** The colours, light and dark, as custom properties; of the page of `retemper play` too (scripts/build.mjs). */
export const COLOURS = `:root { color-scheme: light dark; ${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root { ${DARK} } }`;

export const STYLE = `
${COLOURS}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 66rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0 0 .5rem; font-size: clamp(1.15rem, 3.5vw, 1.4rem); line-height: 1.3; font-weight: 600; text-wrap: balance; }
h2 { margin: 3.25rem 0 .75rem; font-size: 1.3rem; line-height: 1.3; font-weight: 650; } h3 { margin: 0 0 .25rem; font-size: 1rem; }
p { margin: .5rem 0; max-width: 46rem; text-wrap: pretty; } ul { padding-left: 1.2rem; margin: .5rem 0; } li { max-width: 46rem; margin: .2rem 0; }
a { color: var(--link); } a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
nav { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .875rem; } nav a { text-decoration: none; padding: .15rem 0; } nav a:hover { text-decoration: underline; }
.verdict { margin: 1.25rem 0 0; padding: 1.25rem 1.5rem 1rem; border: 1px solid var(--line); border-top: 5px solid var(--mark); border-radius: 6px; }
.verdict { --mark: var(--link); } .verdict.ships { --mark: var(--ships); } .verdict.note { --mark: var(--attention); font-size: inherit; color: inherit; max-width: none; } .verdict.no { --mark: var(--no); }
.verdict h2 { display: flex; gap: .75rem; align-items: flex-start; margin: 0; font-size: clamp(1.4rem, 5vw, 1.9rem); line-height: 1.25; letter-spacing: -.01em; }
.icon { flex: none; color: var(--mark); margin-top: .2em; } .title { color: var(--mark); } .title::after { content: ""; } .what { font-weight: 500; }
.because { font-size: 1.05rem; } .alarms { margin: .75rem 0; padding: .5rem 1rem .5rem 2rem; background: var(--raised); border-left: 4px solid var(--mark); }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: 1rem 2rem; margin: 1.25rem 0 .75rem; }
.numbers > div { display: flex; flex-direction: column; border-top: 1px solid var(--line); padding-top: .6rem; } .numbers dd { margin: 0; }
.numbers dt { order: 1; font-weight: 600; } .numbers .interval { order: 2; } .numbers .from { order: 3; color: var(--soft); font-size: .875rem; }
.times { grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); } .numbers.times .number { font-size: 1.7rem; }
.number { font-size: 2.6rem; line-height: 1.15; font-weight: 300; letter-spacing: -.02em; font-variant-numeric: tabular-nums; } .fails .number, .fails .interval { color: var(--no); }
.then { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: 1rem 2rem; margin-top: 1rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .9375rem; }
.then p, .then ul { margin: .25rem 0; }
code { font: .85em/1.4 ${MONO}; } .command { display: inline-block; padding: .3rem .6rem; background: var(--raised); border: 1px solid var(--line); border-radius: 4px; user-select: all; }
.wide { container-type: inline-size; overflow-x: auto; margin: 1.25rem 0 .5rem; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; font-size: 1rem; padding: .2rem 0 .5rem; } caption .shown { display: block; position: sticky; left: 0; width: max-content; max-width: 100cqw; } caption .data { display: block; font-weight: 400; font-size: .875rem; color: var(--soft); }
th, td { text-align: left; vertical-align: top; padding: .4rem 1.1rem .4rem 0; border-bottom: 1px solid var(--line); }
thead th { vertical-align: bottom; font-weight: 600; border-bottom: 2px solid var(--line); max-width: 13rem; } tbody th { font-weight: 500; min-width: 6rem; max-width: 16rem; }
td code { display: inline-block; min-width: 17ch; max-width: 34ch; overflow-wrap: anywhere; font-size: .75rem; }
.value, .below { display: block; white-space: nowrap; } .below { color: var(--soft); font-size: .8125rem; } .words { display: block; min-width: 16rem; max-width: 28rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); gap: 1.5rem 2.5rem; }
figure { margin: .75rem 0; min-width: 0; } figure > svg, figure div > svg:only-child { display: block; width: 100%; height: auto; } figure svg text { font-family: inherit; }
.figure-title { max-width: none; margin: 0 0 .4rem; line-height: 1.4; } .figure-title span { display: inline-block; color: var(--soft); font-size: .875rem; }
.for-narrow { display: none; } figcaption, .note, footer { color: var(--soft); font-size: .875rem; max-width: 46rem; } ul.note { margin-left: 0; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; padding: 0; margin: .5rem 0 .75rem; list-style: none; font-size: .875rem; }
.key svg { display: inline-block; vertical-align: -3px; margin-right: .4em; }
.rows > div { display: grid; grid-template-columns: 11rem 1fr; gap: 0 1.5rem; align-items: center; padding: .25rem 10px .25rem 0; } .rows svg { display: block; } .rows small { color: var(--soft); }
#front, #by-category { grid-column: 1 / -1; } .below-axis { margin: .2rem 14px .4rem 0; max-width: none; text-align: right; font-size: .875rem; color: var(--soft); } .ticks { display: flex; justify-content: space-between; font-size: .75rem; color: var(--soft); } .ticks b { width: 0; font-weight: 400; display: flex; justify-content: center; white-space: nowrap; }
details { margin: .5rem 0; padding: .5rem .9rem; border: 1px solid var(--line); border-radius: 5px; } summary { cursor: pointer; } details[open] > summary { margin-bottom: .5rem; }
.in-words { border: 0; padding: 0; font-size: .875rem; color: var(--soft); }
dl.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: .75rem 1.5rem; margin: .75rem 0; } dl.asked { margin: .75rem 0; } dl.asked div { margin-bottom: .5rem; }
.beside dt, .asked dt { font-weight: 600; font-size: .875rem; } .beside dd, .asked dd { margin: 0; white-space: pre-wrap; font: .8125rem/1.5 ${MONO}; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); } progress { width: 100%; max-width: 30rem; accent-color: var(--link); }
@media screen and (max-width: 44rem) {
  body { padding: 1rem 1rem 3rem; } .verdict { padding: 1rem; } h2 { margin-top: 2.5rem; }
  .for-wide { display: none; } .for-narrow { display: block; } .rows > div { grid-template-columns: 1fr; padding-left: 10px; } .axis > span:first-child { display: none; } .icon { width: 24px; height: 24px; }
  .number { font-size: 2.2rem; } tbody th { max-width: 9rem; }
}
${PRINT}`;
