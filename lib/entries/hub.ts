// `retemper/hub`: what goes to the hub.

export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { PushedFile } from "../hub/push/pushFiles.js";
export type { PushedKind } from "../push/contents.js";
export { type PushOptions, type PushReport, push } from "../push/push.js";
export type { PushProgress } from "../push/pushProgress.js";
