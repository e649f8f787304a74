// `retemper/serve`: an open model behind the API of OpenAI.
import "../activations/provide.js"; // recipes of safe_delta

export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { ServeDefaults, ServedRequest, ServeOptions } from "../serve/options.js";
export { type ModelServer, serve } from "../serve/serve.js";
