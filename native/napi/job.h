// One job = one thread + one ordered channel to the JS thread + one cleanup hook.
//
// Rules (each was a failure before it was a rule):
//  1. Progress and completion share one queue, so progress never arrives after the result.
//  2. The hook is added after the channel: hooks run last-in first-out, so it stops and joins
//     the thread while the channel is still valid.
//  3. The final event joins before it does anything that can throw.
//  4. The channel is released by the final event only, or by Start when no thread was started.
//  5. env == nullptr means the environment is going away: free the event, touch nothing.
//  6. At most one progress event waits in the queue; later reports update it, so a busy JS thread
//     cannot make the queue grow.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "napi/errors.h"
#include "napi/napi_setup.h"

namespace retemper {

class Job {
 public:
  // Bytes done and bytes in all. May be called from any thread while the body runs.
  using Report = std::function<void(double done, double total)>;
  // Builds the job's value, on the JS thread.
  using Result = std::function<Napi::Value(Napi::Env)>;
  // Runs on the job's thread. Fails by throwing a Fault; polls `cancelled` about once a block and
  // then throws a Fault with code::kCancelled.
  using Body = std::function<Result(const std::atomic<bool>& cancelled, const Report&)>;

  // Returns { promise, cancel }. `on_progress` may be empty, undefined or a function.
  static Napi::Object Start(Napi::Env env, Napi::Value on_progress, Body body);

 private:
  using Clock = std::chrono::steady_clock;
  struct Event {
    bool is_last = false;
    bool failed = false;
    Result result;  // of the last event, on success
    std::optional<Fault>
        fault;  // of the last event, on failure; absent if there was no memory for it
  };
  static void OnEvent(Napi::Env env, Napi::Function on_progress, Job* job, Event* event);
  using Channel = Napi::TypedThreadSafeFunction<Job, Event, &Job::OnEvent>;

  Job(Napi::Env env, Body body)
      : deferred_(Napi::Promise::Deferred::New(env)),
        body_(std::move(body)),
        cancelled_(std::make_shared<std::atomic<bool>>(false)),
        last_(std::make_unique<Event>()) {}

  void Run();
  void Progress(double done, double total);
  void CallProgress(Napi::Env env, Napi::Function on_progress);
  void Settle(Napi::Env env, const Event& last);
  bool Send(Event* event) {
    if (channel_.NonBlockingCall(event) == napi_ok) return true;
    delete event;
    return false;
  }

  static void StopAndJoin(Job* job) {
    job->cancelled_->store(true, std::memory_order_relaxed);
    if (job->thread_.joinable()) job->thread_.join();
  }
  static void Finalize(Napi::Env, void*, Job* job) { delete job; }

  Napi::Promise::Deferred deferred_;
  Body body_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
  std::unique_ptr<Event> last_;  // made beforehand, so that the end of a job needs no memory
  Channel channel_;
  Napi::Env::CleanupHook<void (*)(Job*), Job> hook_;
  std::thread thread_;

  std::mutex progress_mutex_;
  double done_ = -1;  // latest report; -1: none yet
  double total_ = 0;
  double delivered_ = -1;     // latest report that the callback has seen
  bool waiting_ = false;      // a progress event is in the queue
  Clock::time_point sent_{};  // when the latest progress event was sent
};

inline Napi::Object Job::Start(Napi::Env env, Napi::Value on_progress, Body body) {
  Napi::Function callback;
  if (!on_progress.IsEmpty() && !on_progress.IsUndefined()) {
    if (!on_progress.IsFunction()) {
      throw ToJsError(env, Fault(code::kUsage, "onProgress must be a function"));
    }
    callback = on_progress.As<Napi::Function>();
  }
  std::unique_ptr<Job> owner(new Job(env, std::move(body)));
  Job* job = owner.get();
  void* no_data = nullptr;
  job->channel_ =
      callback.IsEmpty()
          ? Channel::New(env, "retemper.job", 0, 1, job, &Job::Finalize, no_data)
          : Channel::New(env, callback, "retemper.job", 0, 1, job, &Job::Finalize, no_data);
  owner.release();  // from here on the channel's finalizer deletes the job

  bool hooked = false;
  try {
    job->hook_ = env.AddCleanupHook(&Job::StopAndJoin, job);
    hooked = true;
    Napi::Object handle = Napi::Object::New(env);
    handle.Set("promise", job->deferred_.Promise());
    handle.Set("cancel",
               Napi::Function::New(env, [token = job->cancelled_](const Napi::CallbackInfo&) {
                 token->store(true, std::memory_order_relaxed);
               }));
    try {
      job->thread_ = std::thread([job] { job->Run(); });
    } catch (const std::system_error& error) {
      const Fault fault(code::kOutOfMemory,
                        std::string("could not start a thread: ") + error.what(), {}, {},
                        "raise the limit on processes (ulimit -u) or free memory");
      job->deferred_.Reject(ToJsError(env, fault).Value());
      job->hook_.Remove(env);
      job->channel_.Release();
    }
    return handle;
  } catch (...) {  // a JS value could not be made: nobody has the promise, nothing runs
    if (hooked) job->hook_.Remove(env);
    job->channel_.Release();
    throw;
  }
}

inline void Job::Run() {
  last_->is_last = true;
  try {
    last_->result =
        body_(*cancelled_, [this](double done, double total) { Progress(done, total); });
  } catch (...) {
    last_->failed = true;
    try {
      last_->fault = CurrentFault();
    } catch (const std::bad_alloc&) {
      // Settle reports it.
    }
  }
  Send(last_.release());
}

inline void Job::Progress(double done, double total) {
  constexpr auto kInterval = std::chrono::milliseconds(50);
  const std::lock_guard<std::mutex> lock(progress_mutex_);
  done_ = std::max(done_, done);  // several threads may report out of order
  total_ = total;
  const auto now = Clock::now();
  if (waiting_ || (now - sent_ < kInterval && done_ < total_)) return;
  waiting_ = Send(new Event);
  sent_ = now;
}

inline void Job::CallProgress(Napi::Env env, Napi::Function on_progress) {
  double done, total;
  {
    const std::lock_guard<std::mutex> lock(progress_mutex_);
    waiting_ = false;
    done = done_;
    total = total_;
    if (on_progress.IsEmpty() || done == delivered_) return;
    delivered_ = done;
  }
  Napi::Object progress = Napi::Object::New(env);
  progress.Set("done", done);
  progress.Set("total", total);
  on_progress.Call({progress});
}

inline void Job::Settle(Napi::Env env, const Event& last) {
  Napi::Value value;
  try {
    if (last.failed && !last.fault) throw std::bad_alloc();
    if (last.failed) throw Fault(*last.fault);
    value = last.result ? last.result(env) : env.Undefined();
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
    return;
  } catch (...) {
    deferred_.Reject(CurrentJsError(env).Value());
    return;
  }
  deferred_.Resolve(value);
}

inline void Job::OnEvent(Napi::Env env, Napi::Function on_progress, Job* job, Event* raw) {
  const std::unique_ptr<Event> event(raw);
  if (env == nullptr) return;                       // rule 5
  if (event->is_last && job->thread_.joinable()) {  // rule 3
    job->thread_.join();
    job->hook_.Remove(env);
  }
  try {
    if (!event->is_last || !event->failed) job->CallProgress(env, on_progress);
  } catch (const Napi::Error&) {
    // A throwing callback stops the job; lib/addon/job.ts hands its error to the caller.
    job->cancelled_->store(true, std::memory_order_relaxed);
  }
  if (!event->is_last) return;
  try {
    job->Settle(env, *event);
  } catch (const Napi::Error&) {
    // An environment that is going away cannot settle promises any more.
  }
  job->channel_.Release();  // rule 4
}

}  // namespace retemper
