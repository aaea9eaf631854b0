// Many requests over kept connections. One thread owns libcurl's multi handle; callers hand it their transfer and wait.
//
// Invariant: every transfer that was handed over is given back (done or stopped) before its caller returns, so a
// transfer lives on its caller's stack.
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.h"
#include "remote/http_transfer.h"

namespace hf::remote {
namespace {

constexpr int kPollMillis = 1000;

struct Job {
  CURL* easy = nullptr;
  CURLcode code = CURLE_OK;
  bool cancel = false;  // all of these under Engine's mutex
  bool stopped = false;
  bool done = false;
};

}  // namespace

class CurlHttpPool::Engine {
 public:
  explicit Engine(long max_connections) : multi_(curl_multi_init()) {
    HF_CHECK(multi_ != nullptr);
    HF_CHECK(curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, max_connections) == CURLM_OK);
    HF_CHECK(curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, max_connections) == CURLM_OK);
    thread_ = std::jthread([this](std::stop_token stop) { loop(stop); });
  }
  ~Engine() {
    thread_.request_stop();
    wake();
  }

  void run(Job& job, const std::stop_token& stop) {
    {
      std::lock_guard lock(mutex_);
      arriving_.push_back(&job);
    }
    wake();
    const std::stop_callback on_stop(stop, [&] {
      {
        std::lock_guard lock(mutex_);
        job.cancel = true;
      }
      wake();
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return job.done; });
  }

 private:
  void wake() { HF_CHECK(curl_multi_wakeup(multi_.get()) == CURLM_OK); }

  void loop(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      begin_and_cancel();
      int running = 0;
      const CURLMcode performed = curl_multi_perform(multi_.get(), &running);
      give_back_finished();
      if (performed != CURLM_OK) give_back_all();
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMillis, nullptr);
    }
  }

  void begin_and_cancel() {
    std::lock_guard lock(mutex_);
    for (Job* job : arriving_) {
      HF_CHECK(curl_easy_setopt(job->easy, CURLOPT_PRIVATE, job) == CURLE_OK);
      HF_CHECK(curl_multi_add_handle(multi_.get(), job->easy) == CURLM_OK);
      active_.push_back(job);
    }
    arriving_.clear();
    for (std::size_t i = active_.size(); i-- > 0;) {
      if (active_[i]->cancel) give_back(i, CURLE_ABORTED_BY_CALLBACK, true);
    }
  }

  void give_back_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      char* owner = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
      std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < active_.size(); ++i) {
        if (static_cast<void*>(active_[i]) != owner) continue;
        give_back(i, code, false);
        break;
      }
    }
  }

  void give_back_all() {
    std::lock_guard lock(mutex_);
    while (!active_.empty()) give_back(active_.size() - 1, CURLE_RECV_ERROR, false);
  }

  void give_back(std::size_t i, CURLcode code, bool stopped) {  // mutex held
    Job* job = active_[i];
    curl_multi_remove_handle(multi_.get(), job->easy);
    active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
    job->code = code;
    job->stopped = stopped;
    job->done = true;
    changed_.notify_all();
  }

  Multi multi_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job*> arriving_, active_;
  std::jthread thread_;  // last: it uses all of the above
};

CurlHttpPool::CurlHttpPool(Clock& clock, HttpPoolOptions options) : clock_(clock), options_(std::move(options)) {
  start_curl_once();
  engine_ = std::make_unique<Engine>(options_.max_connections);
}

CurlHttpPool::~CurlHttpPool() = default;

Result<HttpResponse> CurlHttpPool::send(const HttpRequest& request, Micros timeout, std::stop_token stop) {
  HF_ASSIGN(const std::unique_ptr<Transfer> transfer, Transfer::prepare(request, timeout, &options_));
  Job job;
  job.easy = transfer->handle();
  const MonoTime start = clock_.mono();
  engine_->run(job, stop);
  return transfer->finish(job.code, job.stopped, std::chrono::duration_cast<Micros>(clock_.mono() - start));
}

}  // namespace hf::remote
