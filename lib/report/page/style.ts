// The page's style: light and dark, narrow and printed.

/** Of the figures: each can be told from its ground (3 to 1 at least), and most from each other by colour-blind people. */
const SERIES = {
  light: ["#0072b2", "#c04a00", "#00795a", "#a8417f", "#8a6500", "#5b4fc4", "#5f6b00"],
  dark: ["#56b4e9", "#ff9248", "#2fc99a", "#e79fc9", "#f0c040", "#aaa4ff", "#cfd04a"],
} as const;

export const PALETTE_SIZE = SERIES.light.length;

const series = (colours: readonly string[]) => colours.map((colour, at) => `--series-${at}: ${colour};`).join(" ");

const LIGHT = `--ink: #1b1f24; --ground: #fff; --soft: #57606a; --line: #d0d7de; --raised: #f6f8fa; --link: #0550ae; ${series(SERIES.light)}`;
const DARK = `--ink: #e6edf3; --ground: #0d1117; --soft: #9aa4af; --line: #30363d; --raised: #161b22; --link: #79b8ff; ${series(SERIES.dark)}`;

export const STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { line-height: 1.2; font-size: clamp(1.5rem, 5vw, 2rem); } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--link); } a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
.verdict { margin: 1rem 0; padding: .5rem 1rem; background: var(--raised); border-left: 4px solid var(--link); } .verdict p { margin: .25rem 0; }
.alarm { margin: 1rem 0; padding: .5rem 1rem; background: var(--raised); border-left: 4px solid #c62828; } .alarm p { margin: .25rem 0; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
thead th { background: var(--raised); } td { max-width: 26rem; } tbody th { font-weight: 400; }
code { display: inline-block; min-width: 17ch; max-width: 34ch; overflow-wrap: anywhere; font: .75rem/1.3 ui-monospace, monospace; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem 2rem; }
figure { margin: .5rem 0; } figure svg { display: block; width: 100%; height: auto; max-width: 34rem; }
figcaption, .note { color: var(--soft); font-size: .9rem; max-width: 46rem; }
.note li { margin: .2rem 0; } .note ul, ul.note { padding-left: 1.2rem; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0; list-style: none; }
.key svg { display: inline-block; vertical-align: -2px; margin-right: .3em; }
details { margin: .5rem 0; padding: .4rem .8rem; border: 1px solid var(--line); border-radius: 4px; } summary { cursor: pointer; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: .5rem 1.5rem; margin: .5rem 0; } dt { font-weight: 600; } dd { margin: 0; white-space: pre-wrap; font-family: ui-monospace, monospace; font-size: .85rem; }
progress { width: 100%; max-width: 30rem; }
@media print {
  @page { margin: 14mm; }
  :root { font-size: 9.5pt; } body { max-width: none; padding: 0; } .skip, nav { display: none; }
  h2 { margin-top: 1.5rem; break-after: avoid; } caption, .key { break-after: avoid; } figure, tr, .verdict { break-inside: avoid; }
  .wide { overflow: visible; } table { font-size: 7.5pt; } th, td { padding: .15rem .4rem; } code { font-size: 6.5pt; }
  .figures { grid-template-columns: 1fr 1fr; } figure details { display: none; }
}
`;
