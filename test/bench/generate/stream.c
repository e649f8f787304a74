// The yardstick of the generation benchmark: how fast this machine's memory is read. STREAM's copy and triad (McCalpin, "Memory
// bandwidth and machine balance in current high performance computers", 1995; bytes are counted as it does), and reading alone: one
// to eight streams of pages, plain and asking for lines ahead. Argument: threads. Prints a JSON of GB/s, the best of some passes.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kPasses = 7, kMostThreads = 1024, kPage = 4096, kAhead = 8192 };
static const size_t kBytes = (size_t)1 << 28; // of each array

typedef double Line __attribute__((vector_size(64)));
typedef uint64_t Words __attribute__((vector_size(64), may_alias)); // reads what is an array of double

static Line *a, *b, *c;
static pthread_barrier_t barrier;
static unsigned threads;

typedef void (*Kernel)(size_t begin, size_t end); // of lines

static void Fill(size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    a[i] = (Line){} + 1.0;
    b[i] = (Line){} + 2.0;
    c[i] = (Line){} + 0.5;
  }
}
static void Copy(size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) c[i] = a[i];
  __asm__ volatile("" ::: "memory");
}
static void Triad(size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) a[i] = b[i] + 3.0 * c[i];
  __asm__ volatile("" ::: "memory");
}
static inline __attribute__((always_inline)) void Read(size_t begin, size_t end, size_t streams, int ahead) {
  const size_t lines = kPage / sizeof(Line);
  const Words* from = (const Words*)b;
  Words all = {};
  for (size_t first = begin; first + streams * lines <= end; first += streams * lines) {
    for (size_t i = 0; i < lines; ++i) {
      for (size_t s = 0; s < streams; ++s) {
        const Words* line = from + first + s * lines + i;
        if (ahead) __builtin_prefetch((const char*)line + (streams == 1 ? kAhead : streams * kPage));
        all ^= *line;
      }
    }
  }
  __asm__ volatile("" ::"m"(all));
}
#define READ(n)                                                                  \
  static void Read##n(size_t begin, size_t end) { Read(begin, end, n, 0); }      \
  static void ReadAhead##n(size_t begin, size_t end) { Read(begin, end, n, 1); }
READ(1)
READ(4)
READ(8)

static const struct {
  const char* name;
  Kernel run;
  int arrays; // that bytes are counted of
} kKernels[] = {{"", Fill, 3},
                {"copy", Copy, 2},
                {"triad", Triad, 3},
                {"read", Read1, 1},
                {"read of 4 streams", Read4, 1},
                {"read of 8 streams", Read8, 1},
                {"read ahead", ReadAhead1, 1},
                {"read ahead of 4 streams", ReadAhead4, 1},
                {"read ahead of 8 streams", ReadAhead8, 1}};
enum { kCount = sizeof kKernels / sizeof *kKernels };

static double best[kCount];

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void* Work(void* argument) {
  const size_t lines = kBytes / sizeof(Line), thread = (size_t)argument;
  const size_t begin = lines * thread / threads, end = lines * (thread + 1) / threads;
  for (int pass = 0; pass < kPasses; ++pass) {
    for (int k = pass == 0 ? 0 : 1; k < kCount; ++k) {
      pthread_barrier_wait(&barrier);
      const double start = Now();
      kKernels[k].run(begin, end);
      pthread_barrier_wait(&barrier);
      const double speed = (double)kBytes * kKernels[k].arrays / (Now() - start) * 1e-9;
      if (thread == 0 && pass > 0 && speed > best[k]) best[k] = speed;
    }
  }
  return NULL;
}

int main(int count, char** arguments) {
  threads = count > 1 ? (unsigned)atoi(arguments[1]) : 1;
  if (threads < 1 || threads > kMostThreads) return 1;
  a = aligned_alloc(kPage, kBytes + 16 * kPage);
  b = aligned_alloc(kPage, kBytes + 16 * kPage);
  c = aligned_alloc(kPage, kBytes + 16 * kPage);
  if (!a || !b || !c) return 1;
  pthread_barrier_init(&barrier, NULL, threads);
  static pthread_t others[kMostThreads];
  for (size_t thread = 1; thread < threads; ++thread) {
    if (pthread_create(&others[thread], NULL, Work, (void*)thread) != 0) return 1;
  }
  Work(NULL);
  for (size_t thread = 1; thread < threads; ++thread) pthread_join(others[thread], NULL);
  for (int k = 1; k < kCount; ++k) printf("%c\"%s\": %.2f", k == 1 ? '{' : ',', kKernels[k].name, best[k]);
  printf("}\n");
  return 0;
}
