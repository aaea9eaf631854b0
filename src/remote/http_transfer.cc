#include "remote/http_transfer.h"

#include <algorithm>
#include <cctype>
#include <mutex>

#include <sys/socket.h>

#include "base/check.h"
#include "base/text.h"

namespace hf::remote {
namespace {

constexpr long kReceiveBufferBytes = 256 << 10;
constexpr long kSendBufferBytes = 1 << 20;

void append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  HF_CHECK(longer != nullptr);
  (void)list.release();
  list.reset(longer);
}

template <class T>
void set(CURL* h, CURLoption option, T value) {
  HF_CHECK(curl_easy_setopt(h, option, value) == CURLE_OK);
}

long millis_of(Micros time) { return std::max<long>(1, static_cast<long>(time.count() / 1000)); }

// A socket that children do not inherit.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* at) {
  return ::socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

List header_list(const HttpRequest& q) {
  List out;
  append(out, "Expect:");  // no second round trip before a body
  for (const auto& [name, value] : q.headers) append(out, value.empty() ? name + ";" : name + ": " + value);
  return out;
}

// Where the connection goes: never a name, unless the pool may ask the system's resolver.
Result<List> connect_list(const HttpRequest& q, bool may_resolve) {
  HF_ASSIGN(const UrlHost named, host_of_url(q.url));
  List out;
  if (q.connect_to) {
    append(out, "::" + to_string(*q.connect_to).substr(0, to_string(*q.connect_to).rfind(':')) + ":" +
                    std::to_string(q.connect_to->port));
    return out;
  }
  if (may_resolve || is_numeric_address(named.host)) return out;
  return make_error(ErrorKind::kInvalid, "no address was found for " + named.host + " before asking " + q.url)
      .with_hint("Name a resolver in the plan, or write a numeric address.")
      .with_object(q.url);
}

ErrorKind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return ErrorKind::kInvalid;
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorKind::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return ErrorKind::kDenied;
    default:
      return ErrorKind::kUnavailable;
  }
}

}  // namespace

void start_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { HF_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

void take_header_line(std::string_view line, HttpHeaders& headers, bool& ended) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // an interim answer (1xx, a proxy's) came before
    headers.clear();
    ended = false;
  }
  ended = ended || line.empty();
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  headers.emplace_back(std::move(name), value);
}

std::size_t Transfer::on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  Bytes& body = t.response_.body;
  if (body.size() + size > t.request_.body_limit) {
    t.too_large_ = true;
    return 0;
  }
  if (body.empty()) {
    const auto announced = parse_whole<std::uint64_t>(t.response_.header("content-length"));
    if (announced && *announced <= t.request_.body_limit) body.reserve(static_cast<std::size_t>(*announced));
  }
  body.insert(body.end(), data, data + size);
  return size;
}

std::size_t Transfer::on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  t.header_bytes_ += size;
  if (t.header_bytes_ > kHttpHeaderLimitBytes) {
    t.too_large_ = true;
    return 0;
  }
  take_header_line(std::string_view(data, size), t.response_.headers, t.head_ended_);
  return size;
}

void Transfer::set_method() {
  CURL* h = easy_.get();
  const ByteView body = request_.content();
  if (request_.method == "HEAD") {
    set(h, CURLOPT_NOBODY, 1L);
  } else if (request_.method != "GET" || !body.empty()) {
    set(h, CURLOPT_POST, 1L);
    set(h, CURLOPT_POSTFIELDS, body.empty() ? "" : reinterpret_cast<const char*>(body.data()));
    set(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(h, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

void Transfer::set_options(Micros timeout) {
  CURL* h = easy_.get();
  set(h, CURLOPT_ERRORBUFFER, error_);
  set(h, CURLOPT_URL, request_.url.c_str());
  set(h, CURLOPT_PATH_AS_IS, 1L);
  set(h, CURLOPT_PROTOCOLS_STR, "http,https");
  set(h, CURLOPT_NOSIGNAL, 1L);
  set(h, CURLOPT_PROXY, "");  // nothing from the environment
  set(h, CURLOPT_FOLLOWLOCATION, 0L);
  set(h, CURLOPT_USERAGENT, "holdfast");
  set(h, CURLOPT_TIMEOUT_MS, millis_of(timeout));
  set(h, CURLOPT_WRITEFUNCTION, &on_body);
  set(h, CURLOPT_WRITEDATA, this);
  set(h, CURLOPT_HEADERFUNCTION, &on_header);
  set(h, CURLOPT_HEADERDATA, this);
  set(h, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(h, CURLOPT_HTTPHEADER, headers_.get());
  if (connect_) set(h, CURLOPT_CONNECT_TO, connect_.get());
  if (!request_.ca_file.empty()) set(h, CURLOPT_CAINFO, request_.ca_file.c_str());
  set_method();
}

void Transfer::set_pool_options(const HttpPoolOptions& o) {
  CURL* h = easy_.get();
  set(h, CURLOPT_PROXY, o.proxy.c_str());
  set(h, CURLOPT_NOPROXY, o.no_proxy.c_str());
  set(h, CURLOPT_HTTP_VERSION,
      static_cast<long>(CURL_HTTP_VERSION_1_1));  // parallel requests want connections of their own
  set(h, CURLOPT_CONNECTTIMEOUT_MS, millis_of(o.connect_timeout));
  set(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(h, CURLOPT_LOW_SPEED_TIME, std::max<long>(1, static_cast<long>(o.stall_timeout.count() / 1'000'000)));
  set(h, CURLOPT_TCP_KEEPALIVE, 1L);
  set(h, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  set(h, CURLOPT_UPLOAD_BUFFERSIZE, kSendBufferBytes);
  if (request_.ca_file.empty() && !o.ca_file.empty()) set(h, CURLOPT_CAINFO, o.ca_file.c_str());
}

Result<std::unique_ptr<Transfer>> Transfer::prepare(const HttpRequest& request, Micros timeout,
                                                    const HttpPoolOptions* options) {
  std::unique_ptr<Transfer> out(new Transfer(request));
  HF_ASSIGN(out->connect_, connect_list(request, options != nullptr));
  out->headers_ = header_list(request);
  out->easy_.reset(curl_easy_init());
  HF_CHECK(out->easy_ != nullptr);
  out->set_options(timeout);
  if (options != nullptr) out->set_pool_options(*options);
  return out;
}

Error Transfer::failure(CURLcode code, bool stopped) const {
  Error e;
  const std::string what = request_.method + " " + request_.url + ": ";
  if (stopped) {
    e = make_error(ErrorKind::kCancelled, what + "stopped");
  } else if (too_large_) {
    e = make_error(ErrorKind::kExhausted,
                   what + "the answer is larger than " + std::to_string(request_.body_limit) + " bytes");
  } else {
    e = make_error(kind_of(code), what + (*error_ != 0 ? error_ : curl_easy_strerror(code)));
  }
  e.object = request_.url;
  long sent = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &sent);
  if (request_.method != "GET" && request_.method != "HEAD" && sent > 0) e.effect = Effect::kMaybe;
  return e;
}

Result<HttpResponse> Transfer::finish(CURLcode code, bool stopped, Micros elapsed) {
  if (code == CURLE_OK && !head_ended_) code = CURLE_PARTIAL_FILE;
  if (code != CURLE_OK || stopped) return failure(code, stopped);
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  response_.elapsed = elapsed;
  return std::move(response_);
}

}  // namespace hf::remote
