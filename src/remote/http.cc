// The only file that includes libcurl. One easy and one multi handle for each call: the multi interface is what lets a
// stop token end a transfer.
#include "remote/http.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <mutex>

#include <curl/curl.h>

#include "base/check.h"

namespace hf::remote {
namespace {

constexpr int kPollMillis = 1000;

struct EasyFree { void operator()(CURL* h) const { curl_easy_cleanup(h); } };
struct MultiFree { void operator()(CURLM* h) const { curl_multi_cleanup(h); } };
struct ListFree { void operator()(curl_slist* l) const { curl_slist_free_all(l); } };
struct UrlFree { void operator()(CURLU* u) const { curl_url_cleanup(u); } };
using Easy = std::unique_ptr<CURL, EasyFree>;
using List = std::unique_ptr<curl_slist, ListFree>;

void append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  HF_CHECK(longer != nullptr);
  (void)list.release();
  list.reset(longer);
}

// What the callbacks write to.
struct Receiving {
  HttpResponse response;
  std::size_t body_limit = 0;
  std::size_t header_bytes = 0;
  bool too_large = false;
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& r = *static_cast<Receiving*>(user);
  if (r.response.body.size() + size > r.body_limit) {
    r.too_large = true;
    return 0;
  }
  r.response.body.insert(r.response.body.end(), data, data + size);
  return size;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& r = *static_cast<Receiving*>(user);
  r.header_bytes += size;
  if (r.header_bytes > kHttpHeaderLimitBytes) {
    r.too_large = true;
    return 0;
  }
  std::string_view line(data, size);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) r.response.headers.clear();  // an interim answer (1xx) came before
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  r.response.headers.emplace_back(std::move(name), value);
  return size;
}

template <class T>
void set(CURL* h, CURLoption option, T value) {
  HF_CHECK(curl_easy_setopt(h, option, value) == CURLE_OK);
}

void set_method(CURL* h, const HttpRequest& q) {
  if (q.method == "HEAD") {
    set(h, CURLOPT_NOBODY, 1L);
  } else if (q.method != "GET" || !q.body.empty()) {
    set(h, CURLOPT_POST, 1L);
    set(h, CURLOPT_POSTFIELDS, q.body.empty() ? "" : reinterpret_cast<const char*>(q.body.data()));
    set(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(q.body.size()));
    set(h, CURLOPT_CUSTOMREQUEST, q.method.c_str());
  }
}

void set_options(CURL* h, const HttpRequest& q, Receiving& r, char* error, Micros timeout) {
  set(h, CURLOPT_ERRORBUFFER, error);
  set(h, CURLOPT_URL, q.url.c_str());
  set(h, CURLOPT_PROTOCOLS_STR, "http,https");
  set(h, CURLOPT_NOSIGNAL, 1L);
  set(h, CURLOPT_PROXY, "");              // nothing from the environment
  set(h, CURLOPT_FOLLOWLOCATION, 0L);
  set(h, CURLOPT_USERAGENT, "holdfast");
  set(h, CURLOPT_TIMEOUT_MS, std::max<long>(1, static_cast<long>(timeout.count() / 1000)));
  set(h, CURLOPT_WRITEFUNCTION, &on_body);
  set(h, CURLOPT_WRITEDATA, &r);
  set(h, CURLOPT_HEADERFUNCTION, &on_header);
  set(h, CURLOPT_HEADERDATA, &r);
  if (!q.ca_file.empty()) set(h, CURLOPT_CAINFO, q.ca_file.c_str());
  set_method(h, q);
}

List header_list(const HttpRequest& q) {
  List out;
  append(out, "Expect:");  // no second round trip before a body
  for (const auto& [name, value] : q.headers) append(out, value.empty() ? name + ";" : name + ": " + value);
  return out;
}

// Where the connection goes: never a name.
Result<List> connect_list(const HttpRequest& q) {
  HF_ASSIGN(const UrlHost named, host_of_url(q.url));
  List out;
  if (q.connect_to) {
    append(out, "::" + to_string(*q.connect_to).substr(0, to_string(*q.connect_to).rfind(':')) + ":" +
                    std::to_string(q.connect_to->port));
    return out;
  }
  if (is_numeric_address(named.host)) return out;
  return make_error(ErrorKind::kInvalid, "no address was found for " + named.host + " before asking " + q.url)
      .with_hint("Name a resolver in the plan, or write a numeric address.")
      .with_object(q.url);
}

ErrorKind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT: return ErrorKind::kInvalid;
    case CURLE_OPERATION_TIMEDOUT: return ErrorKind::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE: return ErrorKind::kDenied;
    default: return ErrorKind::kUnavailable;
  }
}

struct Outcome {
  CURLcode code = CURLE_OK;
  bool stopped = false;
};

Outcome perform(CURL* easy, Clock& clock, MonoTime deadline, const std::stop_token& stop) {
  std::unique_ptr<CURLM, MultiFree> multi(curl_multi_init());
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
    curl_multi_poll(multi.get(), &extra, stopped.fd() < 0 ? 0U : 1U, std::min(millis, kPollMillis), nullptr);
  }
  curl_multi_remove_handle(multi.get(), easy);
  return out;
}

bool sent_something(CURL* easy) {
  long bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
  return bytes > 0;
}

Error failure(const HttpRequest& q, const Receiving& r, const Outcome& o, const char* text, CURL* easy) {
  Error e;
  const std::string what = q.method + " " + q.url + ": ";
  if (o.stopped) {
    e = make_error(ErrorKind::kCancelled, what + "stopped");
  } else if (r.too_large) {
    e = make_error(ErrorKind::kExhausted, what + "the answer is larger than " + std::to_string(q.body_limit) + " bytes");
  } else {
    e = make_error(kind_of(o.code), what + (*text != 0 ? text : curl_easy_strerror(o.code)));
  }
  e.object = q.url;
  if (q.method != "GET" && q.method != "HEAD" && sent_something(easy)) e.effect = Effect::kMaybe;
  return e;
}

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [n, value] : headers) {
    if (n == name) return value;
  }
  return {};
}

CurlHttpClient::CurlHttpClient(Clock& clock) : clock_(clock) {
  static std::once_flag once;  // the library's own requirement: once in a process
  std::call_once(once, [] { HF_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

Result<HttpResponse> CurlHttpClient::send(const HttpRequest& request, Micros timeout, std::stop_token stop) {
  HF_ASSIGN(const List connect, connect_list(request));
  const List headers = header_list(request);
  const Easy easy(curl_easy_init());
  HF_CHECK(easy != nullptr);
  Receiving receiving;
  receiving.body_limit = request.body_limit;
  char error[CURL_ERROR_SIZE] = "";
  set_options(easy.get(), request, receiving, error, timeout);
  set(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  if (connect) set(easy.get(), CURLOPT_CONNECT_TO, connect.get());
  const MonoTime start = clock_.mono();
  const Outcome outcome = perform(easy.get(), clock_, start + timeout, stop);
  if (outcome.code != CURLE_OK || outcome.stopped) return failure(request, receiving, outcome, error, easy.get());
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  receiving.response.status = static_cast<int>(status);
  receiving.response.elapsed = std::chrono::duration_cast<Micros>(clock_.mono() - start);
  return std::move(receiving.response);
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
