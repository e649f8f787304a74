// Judges' prompts: a text with places for what was asked and answered.

/** Fills {name} in one pass: what an answer says is never taken for a place. Other braces stay. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
}
