// Methods whose result is a linear combination of the inputs, with coefficients that depend on the
// inputs' inner products only. From the Gram matrix of the vectors (float64) each function gives
// the coefficients; the engine then needs one pass to reduce and one to combine, and a virtual
// merge uses the same coefficients without writing.
#pragma once

#include "ops/gram.h"
#include "ops/karcher.h"
#include "ops/model_stock.h"
#include "ops/multislerp.h"
#include "ops/nuslerp.h"
#include "ops/slerp.h"
