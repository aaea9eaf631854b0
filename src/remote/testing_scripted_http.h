// An HTTP client that answers from a list, and a clock that jumps where somebody sleeps: retries without waiting.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "remote/http.h"

namespace hf::remote {

class ScriptedHttp final : public HttpClient {
 public:
  using Answer = std::function<Result<HttpResponse>(const HttpRequest&)>;
  void then(Answer answer) { answers_.push_back(std::move(answer)); }
  void then(int status, std::string body = "", HttpHeaders headers = {}) {
    then([=](const HttpRequest&) -> Result<HttpResponse> {
      return HttpResponse{status, headers, to_bytes(body), Micros(1)};
    });
  }
  void then_fail(ErrorKind kind, Effect effect) {
    then([=](const HttpRequest&) -> Result<HttpResponse> {
      Error e = make_error(kind, "scripted");
      e.effect = effect;
      return e;
    });
  }
  Result<HttpResponse> send(const HttpRequest& request, Micros, std::stop_token) override {
    requests.push_back(request);
    if (answers_.empty())
      return make_error(ErrorKind::kFailed, "the script has ended at " + request.method + " " + request.url);
    Answer next = std::move(answers_.front());
    answers_.pop_front();
    return next(request);
  }
  bool done() const { return answers_.empty(); }

  std::vector<HttpRequest> requests;

 private:
  std::deque<Answer> answers_;
};

class JumpingClock final : public Clock {
 public:
  explicit JumpingClock(WallTime start) : wall_(start) {}
  MonoTime mono() override { return MonoTime(std::chrono::nanoseconds(passed_)); }
  WallTime wall() override { return wall_ + std::chrono::floor<Micros>(passed_); }
  bool sleep_until(MonoTime when, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    pauses.push_back(std::chrono::floor<Micros>(when.time_since_epoch() - passed_));
    passed_ = when.time_since_epoch();
    return true;
  }

  std::vector<Micros> pauses;

 private:
  WallTime wall_;
  std::chrono::nanoseconds passed_{0};
};

}  // namespace hf::remote
