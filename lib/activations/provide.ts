// Gives merges what computes activations. What that brings along takes long to load, so it comes when a merge asks for it.

import { provideActivations } from "../merge/prepared/activations.js";

const parts = () => import("./rowsInModel.js");

provideActivations({
  read: async (request, options) => (await parts()).readRowsInModel(request, options),
  count: async (request, options) => (await parts()).countRows(request, options),
});
