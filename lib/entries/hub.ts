// `retemper/hub`: what comes from the hub and goes to it.

export type { DownloadOptions, DownloadProgress } from "../checkpoint/obtain.js";
export { type ErrorCode, type ErrorFacts, type ErrorReason, EXIT_STATUS, RetemperError } from "../errors.js";
export type { PushedFile } from "../hub/push/pushFiles.js";
export { type PulledRepository, type PullOptions, type PullReport, pull } from "../merge/pull.js";
export type { PushedKind } from "../push/contents.js";
export { type PushOptions, type PushReport, push } from "../push/push.js";
export type { PushProgress } from "../push/pushProgress.js";
