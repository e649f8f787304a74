// Harmless chat prompts of a few templates, the same at every run: for times, and for comparing answers.

const THINGS = ["tides", "sourdough", "the moon", "bicycles", "glass", "rainbows", "tea", "bridges", "owls", "maps"];
const TEMPLATES = [
  (thing) => `Explain in two sentences what is interesting about ${thing}.`,
  (thing) => `Write a short poem about ${thing}.`,
  (thing) => `Name three things that a beginner should know about ${thing}.`,
  (thing) => `My daughter is five and asks about ${thing}. What do I tell her?`,
  (thing) => `Give me a title for a talk about ${thing}.`,
  (thing) => `What would a letter from a friend about ${thing} say?`,
  (thing) => `Which book about ${thing} would you write, and why?`,
  (thing) => `List words that have to do with ${thing}.`,
  (thing) => `Translate "I like ${thing}" into French.`,
  (thing) => `Is there a holiday that celebrates ${thing}?`,
];

/**
 * `count` different prompts, at most 100, as conversations of one message.
 * @param {number} count
 */
export function chatPrompts(count) {
  const all = TEMPLATES.flatMap((template) => THINGS.map((thing) => [{ role: "user", content: template(thing) }]));
  if (count > all.length) throw new Error(`there are ${all.length} prompts`);
  return all.slice(0, count);
}
