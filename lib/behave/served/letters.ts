// Which letter, by which people and reports name a side, is whose.

export interface Letters {
  readonly local: "A" | "B";
  readonly server: "A" | "B";
}
