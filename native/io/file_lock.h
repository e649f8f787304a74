// A lock between processes, tied to a file: the kernel drops it when its holder dies, however that
// happens.
#pragma once
#include <optional>
#include <string>

#include "core/status.h"

namespace retemper {

// The file system has no locks at all (Lustre without flock, some network mounts).
struct LocksNotOffered : Fault {
  using Fault::Fault;
};

class FileLock {
 public:
  // Creates the file if need be and locks it. Empty when another process, or another lock of this
  // one, holds it. Throws LocksNotOffered where files cannot be locked.
  static std::optional<FileLock> TryLock(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();  // gives the lock back; the file stays

  // Removes the file, then gives the lock back: whoever opened the file meanwhile notices that it
  // is gone.
  void Release();
  // Gives the lock back and leaves the file: for locks that are shared with programs which do not
  // notice that a file is gone.
  void ReleaseAndKeep();

 private:
  FileLock(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_ = -1;
  std::string path_;
};

// Swaps two paths in one step. Throws IO where the file system cannot.
void ExchangePaths(const std::string& a, const std::string& b);

}  // namespace retemper
