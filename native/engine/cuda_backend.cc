#include "engine/cuda_backend.h"

#include <cstring>

#include "core/status.h"
#include "engine/rank_select.h"

namespace retemper {

namespace {

// Buffers of a queue.
constexpr size_t kResults = 0, kOrdinals = 1, kSources = 2,
                 kOutputs = kSources + block::kMaxOperands;

static_assert(block::kSumLanes == kLanes);

// Words of results of one block: two counts a model and variant and a few more; lanes of the inner
// products of all pairs, or of two sums a model and variant.
size_t ResultWords(const TensorSpec& spec) {
  const size_t sources = spec.sources.size(), variants = spec.variants.size();
  const size_t counts = (variants + 1) * (2 * sources + 2);
  const size_t sums = std::max(sources * (sources + 1) / 2, 2 * sources * variants);
  return counts + sums * block::kSumLanes;
}

size_t OrdinalBytes(size_t sources, uint64_t elements) {
  return sources * 2 * ((elements + block::kChunk - 1) / block::kChunk) * sizeof(uint32_t);
}

// Stored elements that need no more than a rounding.
bool IsPlain(const Source& source) {
  return !source.gather && !source.parts[0].range.encoding && !source.parts[0].low_rank &&
         !source.parts[0].add;
}

template <class T>
constexpr Dtype kDtypeOf = sizeof(T) == 8 ? Dtype::kF64 : Dtype::kF32;

}  // namespace

std::vector<size_t> DeviceBufferBytes(const Plan& plan, uint64_t block_elements) {
  std::vector<size_t> bytes(kOutputs, 0);
  const auto need = [&bytes](size_t index, size_t size) {
    if (index >= bytes.size()) bytes.resize(index + 1, 0);
    bytes[index] = std::max(bytes[index], size);
  };
  for (const TensorSpec& spec : plan.tensors) {
    const uint64_t n = std::min(spec.Elements(), block_elements);
    if (spec.scales_of || std::holds_alternative<CopyParams>(spec.variants[0].params) ||
        spec.sources.size() > block::kMaxOperands) {
      continue;
    }
    need(kResults, ResultWords(spec) * sizeof(uint64_t));
    need(kOrdinals, OrdinalBytes(spec.sources.size(), n));
    for (size_t s = 0; s < spec.sources.size(); ++s) {
      const Source& source = spec.sources[s];
      const size_t loaded = spec.f64 ? sizeof(double) : sizeof(float);
      need(kSources + s, n * (IsPlain(source) ? SizeOf(source.parts[0].range.dtype) : loaded));
    }
    for (size_t v = 0; v < spec.variants.size(); ++v)
      need(kOutputs + v, n * SizeOf(spec.out_dtype));
  }
  return bytes;
}

size_t DeviceWordBytes(const Plan& plan) {
  constexpr size_t kTensorsUnderWay = 3;  // in phases that make histograms, at most
  size_t most = 0;
  for (const TensorSpec& spec : plan.tensors) {
    const auto* p = std::get_if<TaskArithmeticParams>(&spec.variants[0].params);
    if (p == nullptr || spec.scales_of || spec.sources.size() > block::kMaxOperands) continue;
    const size_t targets = p->sparsifier == Sparsifier::kMagnitude  ? 1
                           : p->sparsifier == Sparsifier::kOutliers ? 2
                                                                    : 0;
    most = std::max(most, targets * spec.variants.size() * (spec.sources.size() - 1));
  }
  return kTensorsUnderWay * most * RankSelect<float>::kBins * sizeof(uint64_t);
}

template <class T>
DeviceBlock<T>::DeviceBlock(DevicePool& pool, const TensorSpec& spec,
                            const std::vector<SourceReader<T>>& readers,
                            const std::vector<InputFile>& inputs, uint64_t first, uint64_t count,
                            Worker& worker)
    : spec_(spec),
      readers_(readers),
      inputs_(inputs),
      first_(first),
      count_(count),
      worker_(worker),
      queue_(pool),
      words_(ResultWords(spec)),
      sources_(spec.sources.size()) {
  results_ = queue_->Reserve(kResults, words_ * sizeof(uint64_t));
  queue_->Reserve(kOrdinals, OrdinalBytes(spec.sources.size(), count));
  queue_->Zero(kResults, words_ * sizeof(uint64_t));
}

template <class T>
block::Operand DeviceBlock<T>::Source(size_t index) {
  block::Operand& operand = sources_[index];
  if (operand.bytes != nullptr) return operand;
  const retemper::Source& source = spec_.sources[index];
  const Part& part = source.parts[0];
  const bool plain = IsPlain(source);
  operand.dtype = plain ? part.range.dtype : kDtypeOf<T>;
  const size_t size = SizeOf(operand.dtype), bytes = count_ * size;
  const BlockQueue::Buffer buffer = queue_->Reserve(kSources + index, bytes);
  if (plain) {
    operand.rounds = part.cast_to.has_value();
    operand.round_to = part.cast_to.value_or(Dtype::kF32);
    const InputFile& file = inputs_[part.range.input];
    const uint64_t offset = part.range.offset + first_ * size;
    const uint8_t* read = worker_.Supplied(file, index, offset, bytes);
    if (read == nullptr) read = file.Read(offset, bytes, buffer.host);
    if (read != buffer.host) std::memcpy(buffer.host, read, bytes);
  } else {
    // Adapters and gathered rows are put together here; their values go up.
    T* values = reinterpret_cast<T*>(buffer.host);
    for (uint64_t done = 0; done < count_; done += kTile) {
      const size_t n = static_cast<size_t>(std::min<uint64_t>(kTile, count_ - done));
      readers_[index].Load(first_ + done, n, values + done, worker_);
    }
  }
  queue_->Upload(kSources + index, bytes);
  operand.bytes = buffer.device;
  return operand;
}

template <class T>
block::Vectors<T> DeviceBlock<T>::All(bool from_base) {
  block::Vectors<T> vectors;
  vectors.from_base = from_base;
  vectors.count = static_cast<int>(sources_.size()) - (from_base ? 1 : 0);
  for (size_t s = 0; s < sources_.size(); ++s) vectors.sources[s] = Source(s);
  return vectors;
}

template <class T>
void DeviceBlock<T>::AddModel(block::Vectors<T>& vectors, size_t model) {
  vectors.from_base = true;
  vectors.count = static_cast<int>(sources_.size()) - 1;
  vectors.sources[0] = Source(0);
  vectors.sources[model + 1] = Source(model + 1);
}

template <class T>
size_t DeviceBlock<T>::Place(size_t words) {
  if (used_ + words > words_) throw Fault(code::kInternal, "a block has more results than room");
  const size_t at = used_;
  used_ += words;
  return at;
}
template <class T>
size_t DeviceBlock<T>::NewCount() {
  return Place(1);
}
template <class T>
block::Output DeviceBlock<T>::Counting(size_t word) const {
  block::Output out;
  out.counts = Results<uint64_t>().device + word;
  return out;
}
template <class T>
size_t DeviceBlock<T>::NewLanes(size_t sums) {
  return Place(sums * block::kSumLanes);
}
template <class T>
uint32_t* DeviceBlock<T>::Ordinals(size_t model) const {
  const BlockQueue::Buffer buffer = queue_->Reserve(kOrdinals, 0);
  return reinterpret_cast<uint32_t*>(buffer.device) + model * 2 * chunks();
}

template <class T>
uint8_t* DeviceBlock<T>::Output(uint32_t variant) {
  return queue_->Reserve(kOutputs + variant, count_ * SizeOf(spec_.out_dtype)).device;
}
template <class T>
void DeviceBlock<T>::DownloadOutput(uint32_t variant) {
  queue_->Download(kOutputs + variant, count_ * SizeOf(spec_.out_dtype));
}

template <class T>
void DeviceBlock<T>::Finish() {
  if (used_ > 0) queue_->Download(kResults, used_ * sizeof(uint64_t));
  queue_->Wait();
  for (const auto& [variant, word] : written_) {
    const size_t bytes = count_ * SizeOf(spec_.out_dtype);
    std::memcpy(worker_.out[variant], queue_->Reserve(kOutputs + variant, bytes).host, bytes);
  }
}

template <class T>
double DeviceBlock<T>::SumAt(size_t at) const {
  double sum = 0;
  for (int l = 0; l < block::kSumLanes; ++l) sum += Results<double>().host[at + l];
  return sum;
}

template class DeviceBlock<float>;
template class DeviceBlock<double>;

}  // namespace retemper
