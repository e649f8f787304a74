// An answer, token by token: what else could have stood in a token's place is shown where the pointer or, by arrow keys, the
// reader is. One stop of the Tab key, however long the answer is.

import { useRef, useState } from "preact/hooks";
import type { Answer, AnswerToken } from "./columns.js";
import { percent, takenOf, tokenName, tokenWords } from "./words.js";

interface AnswerTextFacts {
  readonly answer: Answer;
  /** The token at which it parts from the first column's. */
  readonly parts: number | undefined;
  /** Where it was asked, in words. */
  readonly name: string;
}

interface Shown {
  readonly at: number;
  /** Pixels within the text's box. */
  readonly left: number;
  readonly top: number;
  readonly byKey: boolean;
}

/** Pixels; as in app.css. */
const CARD_WIDTH = 216;

export function AnswerText({ answer: { tokens }, parts, name }: AnswerTextFacts) {
  const box = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState<Shown | undefined>();
  const show = (at: number, byKey: boolean) => {
    const token = box.current?.querySelector<HTMLElement>(`[data-at="${at}"]`);
    if (!token || !box.current) return;
    const left = Math.max(0, Math.min(token.offsetLeft, box.current.clientWidth - CARD_WIDTH));
    setShown({ at, left, top: token.offsetTop + token.offsetHeight, byKey });
  };
  const hide = () => setShown(undefined);
  const onKeyDown = (event: KeyboardEvent) => {
    const from = shown?.at ?? -1;
    const last = tokens.length - 1;
    const to = {
      ArrowRight: from + 1,
      ArrowDown: from + 1,
      ArrowLeft: from - 1,
      ArrowUp: from - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Escape" && shown) hide();
    else if (to !== undefined && last >= 0) show(Math.min(last, Math.max(0, to)), true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onMouseOver = ({ target }: MouseEvent) => {
    const at = (target as HTMLElement).dataset.at;
    if (at !== undefined) show(Number(at), false);
  };
  const token = shown && tokens[shown.at];
  const marked = parts === undefined ? -1 : tokens.findIndex(({ text }, at) => at >= parts && text !== "");
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the pointer leaves; keys do the same within
    <div class="answer-box" ref={box} onMouseLeave={hide}>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields */}
      <div
        class="answer"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys go through its tokens
        tabIndex={0}
        aria-label={`Answer at ${name}. Arrow keys go through its tokens.`}
        {...{ onKeyDown, onMouseOver, onBlur: hide }}
      >
        {tokens.map(({ text }, at) => (
          <span key={at} data-at={at} class={classOf(at === marked, at === shown?.at)}>
            {text}
          </span>
        ))}
      </div>
      {shown && token && (
        <div class="card" style={{ left: `${shown.left}px`, top: `${shown.top}px` }}>
          <Likely token={token} at={shown.at} />
        </div>
      )}
      <p class="hidden" aria-live="polite">
        {shown?.byKey && token ? inWords(token, shown.at) : ""}
      </p>
    </div>
  );
}

function classOf(parts: boolean, here: boolean): string {
  return [...(parts ? ["parts"] : []), ...(here ? ["here"] : [])].join(" ");
}

function Likely({ token, at }: { readonly token: AnswerToken; readonly at: number }) {
  const rows = takenOf(token) ? token.top : [token, ...token.top];
  return (
    <table>
      <caption>Token {at + 1}: in its place</caption>
      <tbody>
        {rows.map(({ text, logprob }, row) => (
          <tr key={row} class={logprob === token.logprob ? "taken" : ""}>
            <th scope="row">{tokenWords(text)}</th>
            <td>{percent(Math.exp(logprob))}</td>
            <td class="bar">
              <meter min={0} max={1} value={Math.exp(logprob)} aria-hidden="true" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function inWords(token: AnswerToken, at: number): string {
  const likely = token.top.map(({ text, logprob }) => `${tokenWords(text)} ${percent(Math.exp(logprob))}`);
  return `Token ${at + 1}, ${tokenName(token)} ${percent(Math.exp(token.logprob))}. In its place: ${likely.join(", ")}.`;
}
