// A client that makes a connection for each call. The multi interface is what lets a stop token end a transfer.
#include "remote/http.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "remote/http_transfer.h"

namespace hf::remote {
namespace {

constexpr int kWaitMillis = 1000;

struct UrlFree {
  void operator()(CURLU* u) const { curl_url_cleanup(u); }
};

struct Outcome {
  CURLcode code = CURLE_OK;
  bool stopped = false;
};

Outcome perform(CURL* easy, Clock& clock, MonoTime deadline, const std::stop_token& stop) {
  const Multi multi(curl_multi_init());
  HF_CHECK(multi != nullptr && curl_multi_add_handle(multi.get(), easy) == CURLM_OK);
  const StopWake stopped(stop);
  Outcome out{CURLE_OPERATION_TIMEDOUT, false};
  int running = 1;
  while (true) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) {
      out.code = CURLE_RECV_ERROR;
      break;
    }
    int left = 0;
    if (const CURLMsg* m = curl_multi_info_read(multi.get(), &left); m != nullptr && m->msg == CURLMSG_DONE) {
      out.code = m->data.result;
      break;
    }
    if (running == 0) break;
    if (stop.stop_requested()) {
      out.stopped = true;
      break;
    }
    const int millis = poll_millis(clock.mono(), deadline);
    if (millis == 0) break;
    curl_waitfd extra{stopped.fd(), CURL_WAIT_POLLIN, 0};
    curl_multi_poll(multi.get(), &extra, stopped.fd() < 0 ? 0U : 1U, std::min(millis, kWaitMillis), nullptr);
  }
  curl_multi_remove_handle(multi.get(), easy);
  return out;
}

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [n, value] : headers) {
    if (n == name) return value;
  }
  return {};
}

CurlHttpClient::CurlHttpClient(Clock& clock) : clock_(clock) { start_curl_once(); }

Result<HttpResponse> CurlHttpClient::send(const HttpRequest& request, Micros timeout, std::stop_token stop) {
  HF_ASSIGN(const std::unique_ptr<Transfer> transfer, Transfer::prepare(request, timeout, nullptr));
  const MonoTime start = clock_.mono();
  const Outcome outcome = perform(transfer->handle(), clock_, start + timeout, stop);
  return transfer->finish(outcome.code, outcome.stopped, std::chrono::duration_cast<Micros>(clock_.mono() - start));
}

Result<UrlHost> host_of_url(const std::string& url) {
  const std::unique_ptr<CURLU, UrlFree> parsed(curl_url());
  HF_CHECK(parsed != nullptr);
  char* host = nullptr;
  char* port = nullptr;
  const bool good = (url.starts_with("http://") || url.starts_with("https://")) &&
                    curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
                    curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                    curl_url_get(parsed.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
  UrlHost out;
  if (good) {
    out.host = host;
    if (out.host.starts_with('[')) out.host = out.host.substr(1, out.host.size() - 2);
    const std::string_view digits = port;
    std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  }
  curl_free(host);
  curl_free(port);
  if (good) return out;
  return make_error(ErrorKind::kInvalid, "'" + url + "' is not an http or https address").with_object(url);
}

}  // namespace hf::remote
