// `retemper/serve`: an open model behind the API of OpenAI.
import "../activations/provide.js"; // recipes of safe_delta

export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { PlayOptions } from "../play/playOptions.js";
export { playPage } from "../play/playPage.js";
export { type Played, readPlayed } from "../play/readPlayed.js";
export type { PlayCandidate, PlayEstimate, PlayPoint, PlayResults } from "../play/types.js";
export type { ServedRequest, ServeOptions } from "../serve/options.js";
export { type ModelServer, serve } from "../serve/serve.js";
export type { ServeDefaults } from "../serve/serveDefaults.js";
export type { RequestWeights } from "../serve/servedModels.js";
export type { ServerPart } from "../serve/serverPart.js";
