// A picture of the report, as data: the page shows the picture, Markdown its words.

export interface Figure {
  readonly id: string;
  /** What is drawn, such as "exact calls over lambda". */
  readonly title: string;
  /** Which way is better, and what the axes are, above the picture: a page breaks lines, a picture does not. */
  readonly axes: string;
  /** Of the axis below it, where that is not lambda. */
  readonly below?: string | undefined;
  /** What has to be known to read it. */
  readonly caption: string;
  /** What it shows, in words. */
  readonly alternative: string;
  /** For the width of a page, and for a phone's where the same picture would be too small there. */
  readonly svg: string;
  readonly narrow?: string | undefined;
}
