// An experiment of every kind of step that takes some seconds: what tests kill.

import { join } from "node:path";
import { root } from "./command.js";

const demo = join(root, "demo");

export const SMALL_EXPERIMENT = `aligned: ${demo}/model
tune: { data: ${demo}/task_train.jsonl, seeds: [42, 1024], options: { maxSteps: 40, learningRate: 0.003, batchSize: 4 } }
methods: [{ method: linear, lambda: [0.3, 0.6] }, slerp, model_stock]
lambda: 0.5
safety: { sets: ["safety:${demo}/unsafe.jsonl"], judges: [{ keyword: ["can't help"] }] }
task: { validation: ["exact:${demo}/task_valid.jsonl"], test: ["exact:${demo}/task_test.jsonl"] }
limit: 12
decoding: { maxNewTokens: 20 }
select: { rule: score }
`;
