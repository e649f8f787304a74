// Measures matrix products: built on request (the target nn_matmul_bench), never part of the tests.
//
//   nn_matmul_bench [--kernels a,b] [--rows 1,8] [--threads 1,2] [--dtypes BF16,F32,Q4_K] [--shapes
//   576x576]
//                   [--megabytes 512] [--seconds 0.3] [--in-major 1] [--clock cpu] [--offset 8]
//                   [--folder /tmp] [--packed 0]
//
// A block format among the dtypes is multiplied by the kernels of nn/block_matmul.h: packed, in
// large pages, as a model that was opened has it; or, with --packed 0, as it is stored.
// Each product runs over many copies of its matrix in turn, `megabytes` in all, as the layers of a
// model follow each other, so weights come from memory and not from a cache. GB/s counts the bytes
// of the weights, beside what the same threads reach by reading alone; GFLOP/s counts 2 x rows x
// inputs x outputs.
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/divide_up.h"
#include "core/dtype.h"
#include "core/large_pages.h"
#include "nn/block_matmul.h"
#include "nn/matmul_kernel.h"

namespace {

using namespace retemper;
using namespace retemper::nn;

// Seconds, or with --clock cpu those of this thread alone, for one thread beside other load.
bool counts_own_time = false;
double Now() {
  if (counts_own_time) {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

bool Has(const std::string& list, const std::string& name) {
  const std::vector<std::string> parts = Split(list);
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

// The best of some passes over `bytes`, in GB/s: in order, or eight pages at once.
double ReadSpeed(Pool& pool, const uint8_t* data, size_t bytes) {
  constexpr size_t kPart = 1 << 20, kPage = 4096;
  double best = 0;
  for (size_t pages : {1, 8}) {
    for (int pass = 0; pass < 3; ++pass) {
      const double start = Now();
      pool.Run(bytes / kPart, [&](size_t part, unsigned) {
        const uint8_t* from = data + part * kPart;
        uint64_t all = 0;
        for (size_t i = 0; i < kPart; i += pages * kPage) {
          for (size_t j = 0; j < kPage; j += 64) {
            for (size_t page = 0; page < pages; ++page) {
              const uint8_t* line = from + i + page * kPage + j;
              __builtin_prefetch(line + 16384 * (pages == 1 ? 1 : 2), 0, 2);
              uint64_t words[8];
              std::memcpy(words, line, 64);
              for (uint64_t word : words) all ^= word;
            }
          }
        }
        asm volatile("" ::"r"(all));
      });
      best = std::max(best, static_cast<double>(bytes) / (Now() - start) * 1e-9);
    }
  }
  return best;
}

// A shape that is measured, and the copies of its matrix: `data` has `bytes` bytes.
struct Case {
  size_t out, in, size;  // size: bytes of a matrix
  const uint8_t* data;
  size_t bytes;
};

// Prints GB/s and GFLOP/s of multiply(matrix, x, y, rows), for each number of rows: the best of
// batches of about a tenth of the time.
template <class Multiply>
void Measure(const Case& c, const std::string& all_rows, double seconds, Multiply multiply) {
  for (const std::string& rows_text : Split(all_rows)) {
    const size_t rows = std::strtoull(rows_text.c_str(), nullptr, 10);
    std::vector<float> x(rows * c.in), room(rows * c.out + 16);
    float* const y = room.data() + 16 - reinterpret_cast<uintptr_t>(room.data()) % 64 / 4;
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 1000) * 1e-3f;
    size_t calls = 0;
    double best = 1e30;
    const double end = Now() + seconds;
    for (size_t batch = 1; Now() < end;) {
      const double start = Now();
      for (size_t i = 0; i < batch; ++i, ++calls)
        multiply(c.data + calls % (c.bytes / c.size) * c.size, x.data(), y, rows);
      const double took = Now() - start;
      if (took < seconds / 20) {
        batch *= 2;
      } else {
        best = std::min(best, took / static_cast<double>(batch));
      }
    }
    std::printf("  %4zu: %6.1f GB/s %7.1f GFLOP/s", rows, static_cast<double>(c.size) / best * 1e-9,
                2e-9 * static_cast<double>(rows * c.in * c.out) / best);
    std::fflush(stdout);
  }
  std::printf("\n");
}

// A mapped file of numbers, like a checkpoint: the system keeps files in larger pieces of memory
// than what a program allocates, and reading them is a good deal faster.
const uint8_t* MapNumbers(size_t bytes, const std::string& folder) {
  std::string name = folder + "/nn_matmul_bench.XXXXXX";
  const int file = mkstemp(name.data());
  if (file < 0) return nullptr;
  unlink(name.c_str());
  std::vector<uint32_t> words(1 << 18);
  uint32_t state = 1;
  for (uint32_t& word : words) {
    state = state * 1664525u + 1013904223u;
    // Small numbers in every dtype: both halves between 2^-15 and 2 in size.
    word = (state & 0x83ff83ffu) | 0x3c003c00u;
  }
  for (size_t done = 0; done < bytes;) {
    const ssize_t n = write(file, words.data(), std::min(bytes - done, words.size() * 4));
    if (n <= 0) return nullptr;
    done += static_cast<size_t>(n);
  }
  void* memory = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<const uint8_t*>(memory);
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {
      {"--rows", "1,8,32,256"},
      {"--threads", "1,2"},
      {"--dtypes", "BF16"},
      {"--precisions", "float32,bfloat16"},
      {"--shapes",
       "576x576,192x576,1536x576,576x1536,49152x576,2048x2048,8192x2048,2048x8192,"
       "128256x2048"},
      {"--megabytes", "512"},
      {"--seconds", "0.3"},
      {"--in-major", "0"},
      {"--clock", "wall"},
      {"--offset", "8"},
      {"--folder", "/tmp"},
      {"--packed", "1"},
      {"--kernels", ""}};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (options.count(argv[i]) == 0) {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      return 1;
    }
    options[argv[i]] = argv[i + 1];
  }
  counts_own_time = options["--clock"] == "cpu";
  const bool in_major = options["--in-major"] == "1", packed = options["--packed"] == "1";
  const double seconds = std::atof(options["--seconds"].c_str());
  const size_t bytes = std::strtoull(options["--megabytes"].c_str(), nullptr, 10) << 20;
  const uint8_t* const memory = MapNumbers(bytes + 4096, options["--folder"]);
  if (memory == nullptr) {
    std::fprintf(stderr, "cannot write %zu bytes to %s\n", bytes + 4096,
                 options["--folder"].c_str());
    return 1;
  }
  // Where a tensor may begin in a checkpoint: headers are a multiple of 8 bytes long.
  const size_t offset = std::strtoull(options["--offset"].c_str(), nullptr, 10);
  const uint8_t* const data = memory + offset;
  // Blocks in any order are blocks, too: these stand for packed ones.
  const LargePages blocks = packed ? AllocateLargePages(bytes) : nullptr;
  if (packed) std::memcpy(blocks.get(), memory, bytes);

  // Calls body(out, in, its text) for each shape.
  const auto for_each_shape = [&](auto body) {
    for (const std::string& shape : Split(options["--shapes"])) {
      size_t out = 0, in = 0;
      if (std::sscanf(shape.c_str(), "%zux%zu", &out, &in) != 2) std::exit(1);
      body(out, in, shape.c_str());
    }
  };
  for (const std::string& threads : Split(options["--threads"])) {
    Pool pool(static_cast<unsigned>(std::atoi(threads.c_str())));
    std::printf("%s threads: reading %.1f GB/s\n", threads.c_str(), ReadSpeed(pool, data, bytes));
    for (const std::string& dtype_name : Split(options["--dtypes"])) {
      const auto format = BlockFormatNamed(dtype_name);
      if (format) {
        for (const BlockKernel* kernel : AvailableBlockKernels()) {
          const auto& named = options["--kernels"];
          if (named.empty() ? kernel != AvailableBlockKernels().back()
                            : !Has(named, NameOf(*kernel)))
            continue;
          for_each_shape([&](size_t out, size_t in, const char* shape) {
            BlockLinear layer = {{nullptr, *format, out, in, 0, packed}, nullptr, nullptr, out};
            if (in % FactsOf(*format).elements != 0) return;
            const size_t size =
                packed ? RoundUp(PackedBlockBytes(*kernel, layer.w), 64) : out * layer.w.RowBytes();
            std::printf("  %-11s %-13s %10s:", NameOf(*kernel), dtype_name.c_str(), shape);
            Measure({out, in, size, packed ? blocks.get() : data, bytes}, options["--rows"],
                    seconds, [&](const uint8_t* matrix, const float* x, float* y, size_t rows) {
                      layer.w.data = matrix;
                      layer.y = y;
                      BlockMatMul(*kernel, pool, {&layer, 1}, x, in, rows);
                    });
          });
        }
        continue;
      }
      const Dtype dtype = *DtypeNamed(dtype_name);
      for (const MatMulKernel* kernel : AvailableMatMulKernels()) {
        const auto& named = options["--kernels"];
        if (named.empty() ? kernel != AvailableMatMulKernels().back() : !Has(named, kernel->name))
          continue;
        for (const std::string& precision_name : Split(options["--precisions"])) {
          const Precision precision =
              precision_name == "bfloat16" ? Precision::kBfloat16 : Precision::kFloat32;
          if (!kernel->handles(dtype, precision)) continue;
          for_each_shape([&](size_t out, size_t in, const char* shape) {
            std::printf("  %-11s %-4s %-8s %10s:", kernel->name, dtype_name.c_str(),
                        precision_name.c_str(), shape);
            Measure({out, in, out * in * SizeOf(dtype), data, bytes}, options["--rows"], seconds,
                    [&](const uint8_t* matrix, const float* x, float* y, size_t rows) {
                      const Linear layer = {{matrix, dtype, out, in, in_major}, nullptr, y, out};
                      MatMulWith(*kernel, pool, {&layer, 1}, x, in, rows, precision);
                    });
          });
        }
      }
    }
  }
  return 0;
}
