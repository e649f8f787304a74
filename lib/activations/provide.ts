// Gives merges what computes activations. What that brings along takes long to load, so it comes when a merge asks for it.

import { provideActivations } from "../merge/prepared/activations.js";

provideActivations(async (request, options) => {
  const { readRowsInModel } = await import("./rowsInModel.js");
  return readRowsInModel(request, options);
});
