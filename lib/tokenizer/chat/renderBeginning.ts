// A conversation whose last message is not at its end: it is written up to where that message's text ends, so that a model
// goes on with it (continue_final_message of transformers).

import { RetemperError } from "../../errors.js";
import { strip } from "../jinja/text/strip.js";
import type { ChatMessage } from "../types.js";
import type { ChatTemplate } from "./chatTemplate.js";

/** Put behind the text to be found again. With a space after it: a template that strips a content takes the space away. */
const MARK = "THE_TURN_GOES_ON_HERE";
const MARKED = `${MARK} `;

/**
 * @param file of the template, for errors
 * @throws RetemperError BAD_INPUT for a template that does not write the last message's text as it is
 */
export function renderBeginning(template: ChatTemplate, messages: readonly ChatMessage[], file: string): string {
  const last = messages.at(-1);
  if (last === undefined) return template.render(messages, false);
  const marked = { ...last, content: last.content + MARKED };
  const text = template.render([...messages.slice(0, -1), marked], false);
  const end = text.lastIndexOf(MARK);
  if (end < 0 || text.indexOf(MARK) < end || !text.includes(strip(last.content, true, true))) {
    throw new RetemperError("BAD_INPUT", "the chat template does not write the last message's text once and as it is", {
      file,
      hint: "this template cannot continue a message; give the prompt as text",
    });
  }
  const before = text.slice(0, end);
  return text.startsWith(MARKED, end) ? before : strip(before, false, true);
}
