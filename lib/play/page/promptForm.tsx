// The prompt, and how its answers are made.

import type { Signal } from "@preact/signals";
import type { PlayFacts } from "../types.js";
import type { Play } from "./play.js";

export function PromptForm({ play, facts }: { readonly play: Play; readonly facts: PlayFacts }) {
  const { prompts } = facts;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) play.ask();
    else if (event.altKey && event.key === "PageDown") play.flip(1);
    else if (event.altKey && event.key === "PageUp") play.flip(-1);
    else if (event.key === "Escape" && play.running.value) play.stop();
    else return;
    event.preventDefault();
  };
  const onSubmit = (event: Event) => {
    event.preventDefault();
    play.ask();
  };
  return (
    <form class="panel" aria-label="Prompt" onSubmit={onSubmit}>
      <div class="row spread">
        <label for="prompt">{facts.chat ? "Prompt" : "Text to go on with"}</label>
        {prompts.length > 0 && <Flip play={play} count={prompts.length} />}
      </div>
      <textarea
        id="prompt"
        rows={3}
        value={play.prompt.value}
        onInput={(event) => {
          play.write(event.currentTarget.value);
        }}
        onKeyDown={onKeyDown}
        aria-describedby="prompt-keys"
      />
      <div class="row">
        <button type="submit" class="main">
          Ask
        </button>
        <button type="button" disabled={!play.running.value} onClick={() => play.stop()}>
          Stop
        </button>
        {facts.set !== undefined && (
          <button type="button" disabled={play.prompt.value.trim() === ""} onClick={() => play.measure()}>
            Measure this prompt
          </button>
        )}
        <p class="said" role="status">
          {play.said.value}
        </p>
      </div>
      <p class="note" id="prompt-keys">
        Ctrl+Enter asks, Escape stops{prompts.length > 0 && ", Alt+Page Down and Alt+Page Up go through the prompts"}.
        {facts.set !== undefined && ` “Measure this prompt” adds it to ${facts.set}.`}
      </p>
      <details>
        <summary>{facts.chat ? "System text, length, temperature" : "Length, temperature"}</summary>
        {facts.chat && (
          <>
            <label for="system">System text (may be empty)</label>
            <textarea
              id="system"
              rows={2}
              value={play.system.value}
              onInput={(event) => {
                play.system.value = event.currentTarget.value;
              }}
            />
          </>
        )}
        <div class="row settings">
          <NumberField
            id="most"
            label="Tokens at most"
            value={play.settings.maxNewTokens}
            min={1}
            max={facts.maxNewTokens}
          />
          <NumberField
            id="temperature"
            label="Temperature (0: the most probable)"
            value={play.settings.temperature}
            min={0}
            step={0.1}
          />
          <NumberField id="seed" label="Seed of the draws" value={play.settings.seed} min={0} />
        </div>
      </details>
    </form>
  );
}

function Flip({ play, count }: { readonly play: Play; readonly count: number }) {
  const place = play.place.value;
  return (
    <fieldset class="row flip" aria-label="Prompts of the set">
      <button type="button" aria-label="Previous prompt" disabled={place === 0} onClick={() => play.flip(-1)}>
        ←
      </button>
      <span>{place === 0 ? `your own (${count} to flip through)` : `${place} of ${count}`}</span>
      <button type="button" aria-label="Next prompt" disabled={place === count} onClick={() => play.flip(1)}>
        →
      </button>
    </fieldset>
  );
}

interface NumberFieldFacts {
  readonly id: string;
  readonly label: string;
  readonly value: Signal<string>;
  readonly min: number;
  readonly max?: number;
  readonly step?: number;
}

function NumberField({ id, label, value, min, max, step = 1 }: NumberFieldFacts) {
  return (
    <div>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        {...{ min, step, ...(max !== undefined && { max }) }}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </div>
  );
}
