// Whole answers of an object store, headers and body, to each call of the S3 client: the first byte chooses the call. An
// answer ends where a NUL byte stands; its lines up to an empty one are headers, the first of them the status. After the last
// answer the server is gone.
#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "remote/http_transfer.h"
#include "remote/s3.h"

namespace hf::remote {
namespace {

constexpr std::uint64_t kMostObject = 1 << 20;   // bytes
constexpr std::size_t kMostRequests = 64;        // of one call: retries are limited

class FuzzedServer final : public HttpClient {
 public:
  explicit FuzzedServer(std::string_view script) : script_(script) {}
  Result<HttpResponse> send(const HttpRequest& request, Micros, std::stop_token) override {
    HF_CHECK(++requests_ <= kMostRequests || request.url.find("continuation-token") != std::string::npos);
    if (script_.empty()) return make_error(ErrorKind::kInvalid, "gone");   // of a kind that is not tried again
    std::string_view one = script_.substr(0, script_.find('\0'));
    script_.remove_prefix(std::min(script_.size(), one.size() + 1));
    HttpResponse out;
    bool ended = false;
    while (!ended && !one.empty()) {
      const std::string_view line = one.substr(0, one.find('\n'));
      one.remove_prefix(std::min(one.size(), line.size() + 1));
      if (out.status == 0) {
        out.status = static_cast<int>(parse_whole<std::uint16_t>(line).value_or(200));
        if (out.status < 100 || out.status > 599) out.status = 200;
      } else {
        take_header_line(line, out.headers, ended);
      }
    }
    out.body = to_bytes(one.substr(0, std::min(one.size(), request.body_limit)));
    return out;
  }

 private:
  std::string_view script_;
  std::size_t requests_ = 0;
};

class StandingClock final : public Clock {
 public:
  MonoTime mono() override { return now_; }
  WallTime wall() override { return WallTime(Seconds(1'800'000'000)); }
  bool sleep_until(MonoTime when, std::stop_token) override {
    now_ = std::max(now_, when);
    return true;
  }

 private:
  MonoTime now_{};
};

class Silent final : public Log {
 public:
  void write(LogLevel, std::string_view, std::string_view, std::initializer_list<LogField>) override {}
};

class OnesEntropy final : public crypto::Entropy {
 public:
  void fill(MutableByteView out) override { std::ranges::fill(out, std::uint8_t{1}); }
};

void call(std::uint8_t which, std::string_view script) {
  FuzzedServer server(script);
  StandingClock clock;
  Silent log;
  OnesEntropy entropy;
  FixedAwsCredentials credentials({"AKIAFUZZ", Secret(std::string_view("secret")), {}, {}});
  S3Options options;
  options.endpoint = "http://127.0.0.1:9000";
  options.region = "r";
  options.bucket = "b";
  options.path_style = true;
  options.retry.attempts = 3;
  S3Client client(server, credentials, clock, entropy, log, options, {});
  std::size_t keys = 0;
  switch (which % 6) {
    case 0: {
      const auto got = client.get("key", {}, kMostObject);
      HF_CHECK(!got || got->size() <= kMostObject);
      break;
    }
    case 1: {
      const auto got = client.get("key", {3, 10}, kMostObject);
      HF_CHECK(!got || got->size() == 10);
      break;
    }
    case 2: (void)client.head("key"); break;
    case 3: {
      std::string last;
      const Status listed = client.list("p/", [&](const S3Object& object) {
        HF_CHECK(object.key.starts_with("p/") && (keys++ == 0 || last < object.key));
        last = object.key;
        return ok();
      });
      break;
    }
    case 4: {
      S3Put put;
      put.create = true;
      (void)client.put("key", as_bytes("bytes"), put);
      break;
    }
    default: (void)client.settings(); break;
  }
}

}  // namespace
}  // namespace hf::remote

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  hf::remote::call(data[0], std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
