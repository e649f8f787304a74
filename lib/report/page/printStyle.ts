// How the report is printed: what decides on the first sheet, by itself; then everything that is not folded. On the sheet the
// curves stand left, one below the other, and the task against safety right, so that their numbers can be read.

export const PRINT = `@media print {
  @page { size: A4; margin: 9mm 13mm; }
  :root { font-size: 8.2pt; } body { max-width: none; padding: 0; line-height: 1.34; } .skip, nav, .in-words, .first figcaption, .first .wide + .note { display: none; }
  h1 { margin: 0; font-size: 12pt; } h2 { margin-top: 1.4rem; break-after: avoid; } p, li { max-width: none; } caption, .key { break-after: avoid; } figure, tr, .rows > div { break-inside: avoid; }
  .verdict { margin-top: .4rem; padding: .7rem 1rem .5rem; } .verdict h2 { margin: 0; font-size: 16pt; } .number { font-size: 20pt; } .icon { width: 22px; height: 22px; }
  .numbers, .then { grid-template-columns: repeat(3, 1fr); } .numbers { margin: .5rem 0 .2rem; } .numbers > div { padding-top: .3rem; } .then { margin-top: .4rem; padding-top: .5rem; font-size: 1rem; }
  .figures { grid-template-columns: 1fr 1fr; gap: .3rem 1.5rem; } figure { margin: .2rem 0; } .figure-title { margin-bottom: .1rem; }
  .first { display: grid; grid-template-columns: 10fr 12fr; column-gap: 5mm; break-after: page; } .first > *, .first .key { grid-column: 1 / -1; } .first .part h2 { display: none; }
  .first .part-curves { display: contents; } .first .part-curves .figures { grid-column: 1; grid-template-columns: 1fr; } .first .part-pareto { grid-column: 2; } .first .key { margin: .5rem 0 .1rem; gap: .1rem 1.2rem; }
  .first .part-pareto .figures { display: block; } .first .part-pareto .for-wide { display: none; } .first .part-pareto .for-narrow { display: block; } .below-axis { margin: 0 14px 0 0; }
  .first .part-curves figure > svg { max-height: 44mm; } .first .part-pareto svg { max-height: 94mm; }
  .wide { container-type: normal; overflow: visible; margin: .4rem 0 .2rem; } table { font-size: 7.4pt; line-height: 1.25; } caption { padding: 0 0 .2rem; } caption .shown { position: static; max-width: 100%; width: auto; } th, td { padding: .15rem .7rem .15rem 0; } .below { font-size: 6.6pt; } td code { font-size: 6.2pt; } .words { min-width: 10rem; }
  figcaption, .note, footer { font-size: 7.2pt; max-width: none; }
}
`;
