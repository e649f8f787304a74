// Asks for the server's key, and keeps it in the memory of this tab only.

import { useEffect, useRef } from "preact/hooks";
import type { Play } from "./play.js";

export function KeyForm({ play }: { readonly play: Play }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const onSubmit = (event: Event) => {
    event.preventDefault();
    play.useKey(field.current?.value.trim() ?? "");
  };
  return (
    <form class="panel key-form" onSubmit={onSubmit}>
      <label for="key">Key of this server</label>
      <div class="row">
        <input id="key" type="password" autocomplete="off" ref={field} required aria-describedby="key-note" />
        <button type="submit" class="main">
          Go on
        </button>
      </div>
      <p class="note" id="key-note">
        It is kept in the memory of this tab only, until you close or load it again.
      </p>
    </form>
  );
}
