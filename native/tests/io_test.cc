// Input files (mapped and read), output files, and locks, against what the operating system can do
// to them.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/atomic_output.h"
#include "io/file.h"
#include "io/file_lock.h"
#include "io/io_pool.h"
#include "io/mapping.h"
#include "io/page_buffers.h"
#include "tests/check.h"
#include "tests/temp_folder.h"

namespace retemper {
namespace {

using test::TempFolder;

constexpr Reading kReadings[] = {Reading::kMap, Reading::kPread, Reading::kAuto, Reading::kDirect,
                                 Reading::kUncached};

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 4096);
  return text;
}

std::string ReadRange(const InputFile& file, uint64_t offset, size_t size) {
  std::vector<char> scratch(size);
  const uint8_t* bytes = file.Read(offset, size, scratch.data());
  return {reinterpret_cast<const char*>(bytes), size};
}

// Runs `body` in a child process; returns its wait status. The body's failure is exit status 1.
template <typename Body>
int InChild(Body&& body) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 0;
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      status = 1;
    }
    std::fflush(stderr);
    ::_exit(status);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

TEST("reads the same bytes mapped and by pread, at every kind of offset") {
  const TempFolder folder;
  const std::string content = Pattern(300'001);
  const std::string path = folder.Write("a", content);
  for (const Reading reading : kReadings) {
    const InputFile file = InputFile::Open(path, std::nullopt, reading);
    CHECK_EQ(file.mapped(), reading != Reading::kPread);
    CHECK_EQ(file.size(), content.size());
    for (const auto& [offset, size] : std::vector<std::pair<uint64_t, size_t>>{
             {0, 300'001}, {0, 0}, {300'001, 0}, {1, 1}, {4095, 2}, {4096, 4096}, {299'999, 2}}) {
      CHECK(ReadRange(file, offset, size) == content.substr(offset, size));
      file.Drop(offset, size);
      CHECK(ReadRange(file, offset, size) == content.substr(offset, size));
    }
    file.CheckUnchanged();
  }
}

TEST("reads from a copy in memory what the file had when it was made") {
  const TempFolder folder;
  const std::string content = Pattern((3 << 23) + 5), path = folder.Write("a", content);
  InputFile file = InputFile::Open(path, std::nullopt);
  file.CopyToMemory([](size_t pieces, const auto& read) {
    while (pieces-- > 0) read(pieces);
  });
  folder.Write("a", Pattern(9));
  CHECK(ReadRange(file, 0, content.size()) == content && !file.faulted());
}

// Where there are files of the usual file system, and of one that lives in memory and knows no
// direct transfers.
std::vector<std::filesystem::path> Places() {
  std::vector<std::filesystem::path> places = {std::filesystem::temp_directory_path()};
  if (std::filesystem::exists("/dev/shm")) places.emplace_back("/dev/shm");
  return places;
}

TEST("reads the same bytes into a buffer, past the page cache or through it, at every offset") {
  for (const auto& place : Places()) {
    const TempFolder folder(place);
    const std::string content = Pattern(300'001);
    const std::string path = folder.Write("a", content);
    const PageBuffers room(1, content.size() + 2 * kDirectAlignment);
    for (const Reading reading : kReadings) {
      const InputFile file = InputFile::Open(path, std::nullopt, reading);
      for (const uint64_t offset : {0, 1, 4095, 4096, 4097, 131'072, 299'999, 300'000}) {
        for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{70'000},
                                  content.size() - static_cast<size_t>(offset)}) {
          if (offset + size > content.size()) continue;
          const uint8_t* bytes = file.ReadInto(offset, size, room.at(0));
          CHECK(std::memcmp(bytes, content.data() + offset, size) == 0);
        }
      }
      CHECK_FAULT(code::kBadInput, "has no bytes", file.ReadInto(300'000, 2, room.at(0)));
    }
  }
}

TEST("maps what the page cache has and copies the rest, if it is read once") {
  const TempFolder folder;
  const std::string path = folder.Write("a", Pattern(1 << 20));
  const InputFile file = InputFile::Open(path, std::nullopt);
  const std::optional<bool> cached = IsCached(file.descriptor(), 0, 1 << 20);
  using Way = InputFile::Way;
  if (!cached) {  // an older system
    CHECK(file.WayOf(0, 4096, true) == Way::kPopulate);
    return;
  }
  CHECK(file.WayOf(0, 1 << 20, true) == Way::kMapped);
  CHECK(file.WayOf(0, 1 << 20, false) == Way::kMapped);
  CHECK(InputFile::Open(path, std::nullopt, Reading::kMap).WayOf(0, 9, true) == Way::kPopulate);
  CHECK(InputFile::Open(path, std::nullopt, Reading::kPread).WayOf(0, 9, true) == Way::kCopy);
#ifdef __linux__
  CHECK_EQ(::fsync(file.descriptor()), 0);
  CHECK_EQ(::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0);
  if (IsCached(file.descriptor(), 0, 1 << 20) == false) {  // not a file system that lives in memory
    CHECK(file.WayOf(0, 1 << 20, true) == Way::kCopy);
    CHECK(file.WayOf(0, 1 << 20, false) == Way::kPopulate);
  }
#endif
}

TEST("writes the same bytes past the page cache and through it, in pieces of any size and order") {
  for (const auto& place : Places()) {
    const TempFolder folder(place);
    const std::string content = Pattern(1'000'003);
    const auto* bytes = reinterpret_cast<const uint8_t*>(content.data());
    for (const Writing writing : {Writing::kCached, Writing::kDirect}) {
      OutputFile file(folder.Path("out"), content.size(), {bytes, 4096}, writing);
      const PageBuffers room(1, content.size() + kDirectAlignment);
      std::vector<std::pair<size_t, size_t>> pieces;
      for (size_t at = 4096, i = 0; at < content.size(); ++i) {
        const size_t size = std::min(content.size() - at,
                                     std::vector<size_t>{4096, 1, 30'000, 8191, 65'536}[i % 5]);
        pieces.insert(pieces.begin() + static_cast<ptrdiff_t>(i * 7 % (pieces.size() + 1)),
                      {at, size});
        at += size;
      }
      for (const auto& [at, size] : pieces) {
        uint8_t* to = room.at(0) + at % kDirectAlignment;
        std::memcpy(to, content.data() + at, size);
        file.WriteAt(at, to, size);
      }
      // From an address that no direct transfer takes.
      std::memcpy(room.at(0) + 1, content.data() + 8192, 8192);
      file.WriteAt(8192, room.at(0) + 1, 8192);
      file.Sync();
      CHECK(TempFolder::Read(folder.Path("out")) == content);
      file.Remove();
    }
  }
}

TEST("runs every job of a pool, urgent ones first, before the pool ends") {
  std::atomic<int> done{0};
  std::vector<int> order;
  std::mutex mutex;
  {
    IoPool pool(1);
    std::atomic<bool> go{false};
    pool.Post([&go] { go.wait(false); }, false);
    for (int i = 0; i < 100; ++i) {
      pool.Post(
          [&, i] {
            const std::lock_guard<std::mutex> lock(mutex);
            order.push_back(i);
            ++done;
          },
          i % 2 == 1);
    }
    go = true;
    go.notify_all();
  }
  CHECK_EQ(done.load(), 100);
  for (int i = 0; i < 50; ++i) {
    CHECK_EQ(order[static_cast<size_t>(i)], 2 * i + 1);
    CHECK_EQ(order[static_cast<size_t>(i + 50)], 2 * i);
  }
}

TEST("refuses ranges outside of the file, ones that overflow too") {
  const TempFolder folder;
  const std::string path = folder.Write("a", "0123456789");
  for (const Reading reading : kReadings) {
    const InputFile file = InputFile::Open(path, std::nullopt, reading);
    CHECK_EQ(CHECK_FAULT(code::kBadInput, "has no bytes", ReadRange(file, 0, 11)).file, path);
    CHECK_FAULT(code::kBadInput, "has no bytes", ReadRange(file, 11, 0));
    uint8_t scratch;
    CHECK_FAULT(code::kBadInput, "has no bytes", file.Read(UINT64_MAX, 2, &scratch));
    CHECK_FAULT(code::kBadInput, "has no bytes", file.Read(2, SIZE_MAX, &scratch));
  }
}

TEST("opens an empty file") {
  const TempFolder folder;
  const std::string path = folder.Write("a", "");
  for (const Reading reading : kReadings) {
    const InputFile file = InputFile::Open(path, std::nullopt, reading);
    CHECK_EQ(ReadRange(file, 0, 0), "");
    CHECK(!file.mapped());
  }
}

TEST("follows symbolic links, as hub caches need") {
  const TempFolder folder;
  const std::string path = folder.Write("blob", "content");
  std::filesystem::create_symlink(path, folder.Path("link"));
  CHECK_EQ(ReadRange(InputFile::Open(folder.Path("link"), std::nullopt), 0, 7), "content");
}

TEST("refuses folders, FIFOs, sockets, devices, loops and missing files without waiting") {
  const TempFolder folder;
  const auto open = [](const std::string& path) { File::OpenForReading(path); };
  CHECK_EQ(::mkfifo(folder.Path("fifo").c_str(), 0600), 0);
  CHECK_FAULT(code::kBadInput, "FIFO", open(folder.Path("fifo")));
  CHECK_FAULT(code::kBadInput, "folder", open(folder.Path(".")));
  CHECK_FAULT(code::kBadInput, "device", open("/dev/zero"));
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, folder.Path("socket").c_str(), sizeof address.sun_path - 1);
  CHECK_EQ(::bind(listener, reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
  CHECK_FAULT(code::kBadInput, "regular file", open(folder.Path("socket")));
  ::close(listener);
  std::filesystem::create_symlink("loop", folder.Path("loop"));
  CHECK_FAULT(code::kBadInput, "could not be opened", open(folder.Path("loop")));
  CHECK_EQ(CHECK_FAULT(code::kBadInput, "No such file", open(folder.Path("none"))).hint,
           "check the path");
  CHECK_FAULT(code::kBadInput, "could not be opened", open(folder.Path(std::string(300, 'n'))));
  CHECK_FAULT(code::kBadInput, "NUL", open(std::string("a\0b", 3)));
}

TEST("refuses a file that is not the one whose header was read") {
  const TempFolder folder;
  const std::string path = folder.Write("a", "0123456789");
  const FileIdentity identity = File::OpenForReading(path).Identity();
  InputFile::Open(path, identity);
  FileIdentity other = identity;
  other.size += 1;
  CHECK_FAULT(code::kBadInput, "changed", InputFile::Open(path, other));
  other = identity;
  other.mtime_ns -= 1;
  CHECK_FAULT(code::kBadInput, "changed", InputFile::Open(path, other));
  other = identity;
  other.inode += 1;
  CHECK_FAULT(code::kBadInput, "changed", InputFile::Open(path, other));
}

TEST("notices a file that is written to while it is read") {
  const TempFolder folder;
  for (const Reading reading : kReadings) {
    const std::string path = folder.Write("a", "0123456789");
    const InputFile file = InputFile::Open(path, std::nullopt, reading);
    file.CheckUnchanged();
    folder.Write("a", "9876543210");
    // The clock of a file system is coarse: set a time that differs for certain.
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(2));
    CHECK_EQ(CHECK_FAULT(code::kBadInput, "changed while it was read", file.CheckUnchanged()).file,
             path);
  }
}

TEST("survives a file that is cut off under its mapping, and reports it") {
  const TempFolder folder;
  const std::string content = Pattern(1 << 20);
  const std::string path = folder.Write("a", content);
  const InputFile file = InputFile::Open(path, std::nullopt, Reading::kMap);
  const uint8_t* bytes = file.Read(0, content.size(), nullptr);
  std::filesystem::resize_file(path, 4096);
  unsigned sum = 0;
  for (size_t i = 0; i < content.size(); i += 509) sum += bytes[i];  // SIGBUS without the guard
  CHECK(sum > 0);
  CHECK_EQ(static_cast<int>(bytes[content.size() - 1]), 0);
  CHECK_FAULT(code::kBadInput, "changed while it was read", file.CheckUnchanged());
  CHECK_FAULT(code::kBadInput, "changed while it was read", file.Read(0, content.size(), nullptr));
  // Grown again, with its old size: the zeros that were read must not count.
  std::filesystem::resize_file(path, content.size());
  CHECK_FAULT(code::kBadInput, "", file.CheckUnchanged());
}

TEST("reports a file that is cut off while it is read by pread") {
  const TempFolder folder;
  const std::string path = folder.Write("a", Pattern(100'000));
  const InputFile file = InputFile::Open(path, std::nullopt, Reading::kPread);
  std::filesystem::resize_file(path, 5000);
  CHECK_FAULT(code::kBadInput, "ends at byte 5000", ReadRange(file, 4000, 2000));
}

TEST("leaves faults outside of its mappings to the handler that was there before") {
  const TempFolder folder;
  const std::string path = folder.Write("a", "guarded");
  const auto fault = [&] {
    static volatile sig_atomic_t handled;
    struct sigaction action {};
    action.sa_handler = [](int) { handled = handled + 1; };
    ::sigaction(SIGBUS, &action, nullptr);
    {
      const InputFile file = InputFile::Open(path, std::nullopt, Reading::kMap);
      ::raise(SIGBUS);
      CHECK_EQ(static_cast<int>(handled), 1);
    }
    struct sigaction now;
    ::sigaction(SIGBUS, nullptr, &now);
    CHECK(now.sa_handler == action.sa_handler);
  };
  CHECK_EQ(InChild(fault), 0);
}

TEST("guards many mappings in several threads") {
  const TempFolder folder;
  const std::string path = folder.Write("a", Pattern(10'000));
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const InputFile file = InputFile::Open(path, std::nullopt, Reading::kMap);
        if (ReadRange(file, 9000, 1000) == Pattern(10'000).substr(9000)) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(good.load(), 400);
}

TEST("creates an output with its header and its whole size, and writes anywhere in it") {
  const TempFolder folder;
  const std::string header = "header", data = "data";
  OutputFile file(folder.Path("out"), 100, {reinterpret_cast<const uint8_t*>(header.data()), 6});
  struct stat status;
  CHECK_EQ(::stat(file.path().c_str(), &status), 0);
  CHECK_EQ(status.st_size, 100);
  file.WriteAt(96, data.data(), 4);
  file.StartWriteback(0, 100);
  file.Sync();
  const std::string content = TempFolder::Read(file.path());
  CHECK(content == header + std::string(90, '\0') + data);
  CHECK_FAULT(code::kInternal, "outside", file.WriteAt(97, data.data(), 4));
  CHECK_FAULT(code::kInternal, "outside", file.WriteAt(UINT64_MAX, data.data(), 4));
  file.Remove();
  file.Remove();
  CHECK(!std::filesystem::exists(file.path()));
}

TEST("never writes over an existing file or through a link") {
  const TempFolder folder;
  const std::string path = folder.Write("taken", "precious");
  CHECK_FAULT("OUTPUT_EXISTS", "exists already", OutputFile(path, 10, {}));
  CHECK_EQ(TempFolder::Read(path), "precious");
  std::filesystem::create_symlink(folder.Path("elsewhere"), folder.Path("link"));
  CHECK_FAULT("OUTPUT_EXISTS", "exists already", OutputFile(folder.Path("link"), 10, {}));
  CHECK_FAULT(code::kIo, "could not be created", OutputFile(folder.Path("no/folder"), 10, {}));
}

TEST("refuses an output larger than the free space, says how much is needed, and leaves nothing") {
  const TempFolder folder;
  const std::string path = folder.Path("huge");
  for (const uint64_t size : {uint64_t{1} << 62, UINT64_MAX}) {
    const Fault fault = CHECK_FAULT(code::kNoSpace, "needs " + std::to_string(size) + " bytes",
                                    OutputFile(path, size, {}));
    CHECK(!fault.hint.empty());
    CHECK(!std::filesystem::exists(path));
  }
}

TEST("refuses an output beyond ulimit -f instead of dying of SIGXFSZ") {
  const TempFolder folder;
  const std::string path = folder.Path("large");
  const int status = InChild([&] {
    const struct rlimit limit { 1 << 20, 1 << 20 };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    CHECK_FAULT(code::kNoSpace, "needs 2097152 bytes", OutputFile(path, 2 << 20, {}));
    OutputFile(path, 1 << 20, {});
  });
  CHECK_EQ(status, 0);
  CHECK_EQ(std::filesystem::file_size(path), 1u << 20);
}

TEST("names the remedy when no more files may be opened") {
  const TempFolder folder;
  const std::string path = folder.Write("a", "x");
  const int status = InChild([&] {
    const struct rlimit limit { 0, 0 };
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const Fault fault = CHECK_FAULT(code::kIo, "could not be opened", File::OpenForReading(path));
    CHECK(fault.hint.find("ulimit -n") != std::string::npos);
  });
  CHECK_EQ(status, 0);
}

TEST("gives a lock to one holder at a time") {
  const TempFolder folder;
  const std::string path = folder.Path("lock");
  std::optional<FileLock> lock = FileLock::TryLock(path);
  CHECK(lock.has_value());
  CHECK(!FileLock::TryLock(path).has_value());
  CHECK_EQ(InChild([&] { CHECK(!FileLock::TryLock(path).has_value()); }), 0);
  lock->Release();
  CHECK(!std::filesystem::exists(path));
  lock->Release();
  CHECK(FileLock::TryLock(path).has_value());
}

TEST("drops the lock of a process that is killed") {
  const TempFolder folder;
  const std::string path = folder.Path("lock");
  const int status = InChild([&] {
    const std::optional<FileLock> lock = FileLock::TryLock(path);
    CHECK(lock.has_value());
    ::raise(SIGKILL);
  });
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  CHECK(std::filesystem::exists(path));
  CHECK(FileLock::TryLock(path).has_value());
}

TEST("does not remove a lock file that another holder made") {
  const TempFolder folder;
  const std::string path = folder.Path("lock");
  std::optional<FileLock> first = FileLock::TryLock(path);
  std::filesystem::remove(path);
  std::optional<FileLock> second = FileLock::TryLock(path);
  CHECK(first.has_value() && second.has_value());
  first->Release();
  CHECK(std::filesystem::exists(path));
  CHECK(!FileLock::TryLock(path).has_value());
}

TEST("never gives a lock twice while holders come and go") {
  const TempFolder folder;
  const std::string path = folder.Path("lock");
  std::atomic<int> holders = 0, taken = 0;
  std::atomic<bool> overlap = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        std::optional<FileLock> lock = FileLock::TryLock(path);
        if (!lock) continue;
        if (++holders != 1) overlap = true;
        ++taken;
        --holders;
        lock->Release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(!overlap);
  CHECK(taken > 0);
}

TEST("swaps two paths, files or folders") {
  const TempFolder folder;
  const std::string a = folder.Write("a", "a"), b = folder.Path("b");
  std::filesystem::create_directory(b);
  ExchangePaths(a, b);
  CHECK(std::filesystem::is_directory(a));
  CHECK_EQ(TempFolder::Read(b), "a");
  CHECK_EQ(
      CHECK_FAULT(code::kIo, "could not be swapped", ExchangePaths(folder.Path("none"), b)).file,
      folder.Path("none"));
}

}  // namespace
}  // namespace retemper

int main() { return retemper::test::RunAll(); }
