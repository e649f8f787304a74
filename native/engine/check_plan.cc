#include "engine/check_plan.h"

#include <limits>

#include "core/status.h"
#include "engine/decode_codes.h"

namespace retemper {
namespace {

[[noreturn]] void Refuse(const std::string& what, const std::string& tensor = {}) {
  throw Fault(code::kInternal, "the plan is inconsistent: " + what, {}, tensor);
}

uint64_t Product(uint64_t a, uint64_t b, const std::string& tensor) {
  uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) Refuse("a size is above 64 bits", tensor);
  return result;
}

void CheckRange(const Range& range, const Plan& plan, const std::string& tensor) {
  if (range.input >= plan.inputs.size()) Refuse("an input has no such number", tensor);
  if (const char* fault = EncodingFault(range)) Refuse(fault, tensor);
  Product(range.count, SizeOf(range.dtype), tensor);
  const uint64_t bytes = StoredBytes(range);
  const uint64_t size = plan.inputs[range.input].size;
  if (range.offset > size || bytes > size - range.offset) {
    Refuse("a range ends past the end of " + plan.inputs[range.input].path, tensor);
  }
  if (!range.encoding || !range.encoding->codes) return;
  for (const Range* beside : RangesBeside(*range.encoding->codes))
    CheckRange(*beside, plan, tensor);
}

void CheckFloatRange(const Range& range, uint64_t count, const Plan& plan,
                     const std::string& tensor) {
  CheckRange(range, plan, tensor);
  if (!IsFloat(range.dtype)) Refuse("an adapter's matrix is not of floats", tensor);
  if (range.count != count) Refuse("an adapter's matrix does not fit its shape", tensor);
}

void CheckGroups(const Part& part, const Plan& plan, const std::string& tensor) {
  const LowRank& term = *part.low_rank;
  const uint64_t each = Product(term.groups, term.rank, tensor);
  if (each == 0 || part.rows != term.groups || term.left.count % each != 0 ||
      term.right.count % each != 0 ||
      Product(term.left.count / each, term.right.count / each, tensor) != part.cols) {
    Refuse("an adapter's stack does not fit the matrices", tensor);
  }
  if (term.left_transposed || term.right_transposed || term.magnitude)
    Refuse("an adapter's stack is transposed or has magnitudes", tensor);
  CheckFloatRange(term.left, term.left.count, plan, tensor);
  CheckFloatRange(term.right, term.right.count, plan, tensor);
}

void CheckPart(const Part& part, bool copies, const Plan& plan, const std::string& tensor) {
  CheckRange(part.range, plan, tensor);
  if (!copies && !IsFloat(part.range.dtype)) Refuse("only floats can be merged", tensor);
  if (Product(part.rows, part.cols, tensor) != part.range.count)
    Refuse("rows x cols is not the count", tensor);
  if (part.cast_to && !IsFloat(*part.cast_to)) Refuse("castTo is not a float", tensor);
  if (part.low_rank) {
    const LowRank& term = *part.low_rank;
    if (term.groups == 0) {
      CheckFloatRange(term.left, Product(part.rows, term.rank, tensor), plan, tensor);
      CheckFloatRange(term.right, Product(term.rank, part.cols, tensor), plan, tensor);
    } else {
      CheckGroups(part, plan, tensor);
    }
    if (term.magnitude) {
      if (term.dora_axis != 0 && term.dora_axis != 1)
        Refuse("a DoRA axis is neither 0 nor 1", tensor);
      CheckFloatRange(*term.magnitude, term.dora_axis == 1 ? part.rows : part.cols, plan, tensor);
    }
  }
  if (part.add) CheckFloatRange(*part.add, part.range.count, plan, tensor);
}

// What the form asks of the tensor's shape and type, and of all its sources together.
void CheckForm(const TensorSpec& tensor, uint64_t elements) {
  const OutputForm& form = tensor.form;
  if (form.e4m3) {
    if (form.blocks != BlockFormat::kNone || form.plus != 0 || form.Rearranges())
      Refuse("rows of codes have another form, too", tensor.name);
    if (tensor.shape.size() != 2 || elements == 0) Refuse("codes are not of a matrix", tensor.name);
    if (!IsFloat(tensor.out_dtype) || tensor.out_dtype == Dtype::kF64)
      Refuse("codes are of no such values", tensor.name);
  } else if (OfAnyDtype(form.blocks)) {
    if (!IsFloat(tensor.out_dtype) || tensor.out_dtype == Dtype::kF64)
      Refuse("codes are of no such values", tensor.name);
    if (form.plus != 0) Refuse("such blocks have nothing added", tensor.name);
  } else if (form.Encodes() && tensor.out_dtype != Dtype::kF32) {
    Refuse("only F32 is encoded", tensor.name);
  }
  switch (form.blocks) {
    case BlockFormat::kQ4_1:
      Refuse("Q4_1 is only read", tensor.name);
    default:
      if (tensor.LastDim() % FactsOf(form.blocks).elements != 0)
        Refuse("a row is not of whole blocks", tensor.name);
  }
  if (form.padding >= 4096) Refuse("padding of a page or more", tensor.name);
  if (form.interleave % 2 != 0 ||
      (form.interleave != 0 && tensor.FirstDim() % form.interleave != 0)) {
    Refuse("rows are no whole groups to interleave", tensor.name);
  }
  if (!form.transposed) return;
  if (form.interleave != 0 || tensor.shape.size() != 2)
    Refuse("only a matrix is transposed", tensor.name);
  for (const Source& source : tensor.sources) {
    if (source.gather || (elements > 0 && (source.parts[0].rows != tensor.LastDim() ||
                                           source.parts[0].cols != tensor.FirstDim()))) {
      Refuse("a source is not the transposed of the output", tensor.name);
    }
  }
}

void CheckSource(const Source& source, const TensorSpec& tensor, bool copies, const Plan& plan) {
  if (source.parts.empty()) Refuse("a source has no part", tensor.name);
  const uint64_t elements = tensor.Elements();
  const uint64_t rows = tensor.FirstDim();
  const uint64_t cols = rows == 0 ? 0 : elements / rows;
  for (const Part& part : source.parts) {
    CheckPart(part, copies, plan, tensor.name);
    if (elements > 0 && !tensor.form.transposed && part.cols != cols)
      Refuse("a source has other columns than the output", tensor.name);
  }
  if (!source.gather) {
    if (source.parts.size() != 1) Refuse("several parts need a gather", tensor.name);
    if (source.parts[0].range.count < elements)
      Refuse("a source has fewer elements than the output", tensor.name);
    return;
  }
  const Gather& gather = *source.gather;
  if (gather.start.empty() || gather.start.size() - 1 + gather.mean_rows != rows ||
      gather.part.size() != gather.row.size() || gather.start[0] != 0 ||
      gather.start.back() != gather.row.size()) {
    Refuse("a gather's lists have wrong lengths", tensor.name);
  }
  for (size_t i = 0; i + 1 < gather.start.size(); ++i) {
    if (gather.start[i] > gather.start[i + 1])
      Refuse("a gather's starts do not ascend", tensor.name);
  }
  for (size_t k = 0; k < gather.row.size(); ++k) {
    if (gather.part[k] >= source.parts.size() ||
        gather.row[k] >= source.parts[gather.part[k]].rows) {
      Refuse("a gather names a row that is not there", tensor.name);
    }
  }
}

// Scales stand after the tensor whose rows they are of: one for each row, and as many variants.
void CheckScales(const TensorSpec& tensor, size_t index, uint64_t elements, const Plan& plan) {
  if (*tensor.scales_of >= index) Refuse("scales before their rows", tensor.name);
  const TensorSpec& rows = plan.tensors[*tensor.scales_of];
  if (!rows.form.e4m3) Refuse("scales of a tensor that has none", tensor.name);
  if (elements != rows.FirstDim() || tensor.out_dtype != rows.out_dtype || tensor.form.Encodes() ||
      tensor.form.Rearranges() || !tensor.sources.empty()) {
    Refuse("scales do not fit their rows", tensor.name);
  }
  if (tensor.variants.size() != rows.variants.size())
    Refuse("scales have other variants than their rows", tensor.name);
}

struct ParamsChecker {
  const TensorSpec& tensor;
  size_t n = tensor.sources.size();

  void Count(size_t have, size_t want, const char* what) const {
    if (have != want) Refuse(std::string("wrong number of ") + what, tensor.name);
  }
  void AtLeast(size_t least) const {
    if (n < least) Refuse("too few sources", tensor.name);
  }
  void operator()(const CopyParams&) const { Count(n, 1, "sources"); }
  void operator()(const LinearParams& p) const {
    AtLeast(1);
    Count(p.weights.size(), n, "weights");
  }
  void operator()(const SlerpParams&) const { Count(n, 2, "sources"); }
  void operator()(const NuslerpParams& p) const {
    Count(n, p.has_base ? 3 : 2, "sources");
    Count(p.weights.size(), 2, "weights");
  }
  void operator()(const MultislerpParams& p) const {
    AtLeast(p.has_base ? 2 : 1);
    Count(p.weights.size(), n - (p.has_base ? 1 : 0), "weights");
  }
  void operator()(const KarcherParams&) const { AtLeast(1); }
  void operator()(const NearswapParams&) const { Count(n, 2, "sources"); }
  void operator()(const ArceeFusionParams&) const { Count(n, 2, "sources"); }
  void operator()(const TaskArithmeticParams& p) const {
    AtLeast(2);
    Count(p.weights.size(), n - 1, "weights");
    Count(p.densities.size(), n - 1, "densities");
    Count(p.gammas.size(), n - 1, "gammas");
    Count(p.epsilons.size(), n - 1, "epsilons");
  }
  void operator()(const ModelStockParams&) const { AtLeast(3); }
  void operator()(const SceParams&) const { AtLeast(2); }
  void operator()(const RamParams&) const { AtLeast(2); }
};

// The variants of a tensor share its passes over the inputs, so what decides the passes must be the
// same.
bool SameMode(const Params& a, const Params& b) {
  if (const auto* p = std::get_if<NuslerpParams>(&a)) {
    const auto& q = std::get<NuslerpParams>(b);
    return p->has_base == q.has_base && p->axis == q.axis;
  }
  if (const auto* p = std::get_if<MultislerpParams>(&a))
    return p->has_base == std::get<MultislerpParams>(b).has_base;
  if (const auto* p = std::get_if<ModelStockParams>(&a)) {
    return p->filter_wise == std::get<ModelStockParams>(b).filter_wise;
  }
  if (const auto* p = std::get_if<TaskArithmeticParams>(&a)) {
    const auto& q = std::get<TaskArithmeticParams>(b);
    return p->sparsifier == q.sparsifier && p->rescale == q.rescale;
  }
  return true;
}

}  // namespace

void CheckPlan(const Plan& plan) {
  std::vector<uint64_t> ends;
  for (const OutputSpec& output : plan.outputs) ends.push_back(output.header.size());
  for (size_t index = 0; index < plan.tensors.size(); ++index) {
    const TensorSpec& tensor = plan.tensors[index];
    uint64_t elements = 1;
    for (const uint64_t d : tensor.shape) elements = Product(elements, d, tensor.name);
    Product(elements, SizeOf(tensor.out_dtype), tensor.name);
    const uint64_t bytes = tensor.StoredBytes(elements) + (elements > 0 ? tensor.form.padding : 0);
    if (tensor.variants.empty() && !plan.outputs.empty())
      Refuse("a tensor has no variant", tensor.name);
    if (!tensor.scales_of && tensor.sources.size() != tensor.model_keys.size() &&
        !tensor.variants.empty()) {
      Refuse("wrong number of model keys", tensor.name);
    }
    bool copies = false;
    for (const Variant& variant : tensor.variants) {
      if (variant.params.index() != tensor.variants[0].params.index()) {
        Refuse("the variants of a tensor have different methods", tensor.name);
      }
      if (!SameMode(variant.params, tensor.variants[0].params)) {
        Refuse("the variants of a tensor differ in more than numbers", tensor.name);
      }
      copies = std::holds_alternative<CopyParams>(variant.params);
      if (!tensor.scales_of) std::visit(ParamsChecker{tensor}, variant.params);
      if (variant.output >= plan.outputs.size())
        Refuse("an output has no such number", tensor.name);
      if (variant.offset != ends[variant.output])
        Refuse("the tensors of an output leave gaps or overlap", tensor.name);
      ends[variant.output] += bytes;
    }
    if (tensor.scales_of) {
      CheckScales(tensor, index, elements, plan);
      continue;
    }
    if (tensor.sources.empty()) Refuse("a tensor has no source", tensor.name);
    for (const Source& source : tensor.sources) CheckSource(source, tensor, copies, plan);
    CheckForm(tensor, elements);
    const Dtype in = tensor.sources[0].parts[0].range.dtype;
    if (!IsFloat(tensor.out_dtype) && !(copies && in == tensor.out_dtype)) {
      Refuse("integers can only be copied", tensor.name);
    }
    if (copies && !IsFloat(in) && in != tensor.out_dtype)
      Refuse("integers cannot be converted", tensor.name);
  }
  for (size_t i = 0; i < ends.size(); ++i) {
    if (ends[i] != plan.outputs[i].size) Refuse("the tensors do not fill " + plan.outputs[i].path);
  }
}

}  // namespace retemper
