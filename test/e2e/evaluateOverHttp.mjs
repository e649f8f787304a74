// An evaluation in a process of its own, to be killed: the model and the judge answer over HTTP.
// usage: node evaluateOverHttp.mjs SERVER PROMPTS OUT

import { setTimeout as sleep } from "node:timers/promises";
import { evaluate, keywordJudge, RetemperError, wildGuardJudge } from "../../dist/index.js";

const [server, prompts, out] = process.argv.slice(2);

/** Four requests at a time; what fails is tried three times and then reported. */
function generator(name) {
  return {
    facts: { engine: "endpoint", model: name, versions: {}, device: server, gpu: false },
    async *generate(list, { onFailure, signal }) {
      const queue = list.entries();
      const done = [];
      const work = async () => {
        for (const [index, prompt] of queue) done.push({ index, ...(await ask(name, prompt, signal)) });
      };
      const all = Promise.all(Array.from({ length: 4 }, work));
      for (let given = 0; given < list.length; ) {
        const next = done.shift();
        if (!next) {
          await sleep(2);
          continue;
        }
        given += 1;
        const { index, text, error } = next;
        if (error) onFailure({ index, sample: 0, error });
        else yield { index, sample: 0, ids: [], text, finish: "stop", promptTokens: 0 };
      }
      await all;
    },
    async close() {},
  };
}

async function ask(model, prompt, signal) {
  let problem = "";
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const body = JSON.stringify({ model, prompt: typeof prompt === "string" ? prompt : prompt.at(-1).content });
      const response = await fetch(server, { method: "POST", body, signal });
      if (response.ok) return { text: (await response.json()).text };
      problem = String(response.status);
    } catch (error) {
      problem = String(error.cause?.code ?? error.message);
    }
  }
  return { error: new RetemperError("NETWORK", problem) };
}

const results = await evaluate(generator("model"), `safety:${prompts}`, {
  out,
  judges: [keywordJudge(), wildGuardJudge(generator("judge"))],
});
console.log(JSON.stringify(results.tasks[0].counts));
