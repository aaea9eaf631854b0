#include "remote/testing_http_proxy.h"

#include <sys/socket.h>

#include "base/check.h"
#include "base/text.h"

namespace hf::remote {
namespace {

constexpr Micros kConnectionTimeout = 60s;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

// The value of a header, by its name in lower case; "" if absent.
std::string header(const std::string& head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    const std::size_t begin = at + 2;
    at = head.find("\r\n", begin);
    std::string line = head.substr(begin, at - begin);
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    for (std::size_t i = 0; i < colon; ++i)
      line[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(line[i])));
    if (line.substr(0, colon) != name) continue;
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

bool receive_some(TcpStream& stream, std::string& text, const Limit& limit) {
  Bytes buffer(64 << 10);
  auto n = stream.receive(buffer, limit);
  if (!n || *n == 0) return false;
  text += as_text(ByteView(buffer).first(*n));
  return true;
}

// RST instead of FIN when it closes.
void reset_at_close(TcpStream& stream) {
  const linger now{1, 0};
  HF_CHECK(::setsockopt(stream.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
}

std::string plain_answer(const std::string& status, const std::string& code) {
  const std::string body =
      "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>a fault of the test</Message></Error>";
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// Where the first half ends: in the body if there is one.
std::size_t half_of(const std::string& answer) {
  const std::size_t head = answer.find(kHeadEnd);
  const std::size_t body = head == std::string::npos ? answer.size() : head + kHeadEnd.size();
  return body < answer.size() ? body + (answer.size() - body) / 2 : answer.size() / 2;
}

}  // namespace

const char* name_of(WireFault fault) {
  constexpr const char* kNames[] = {
      "none",        "error500",         "slow_down",      "reset_request",   "reset_answer",
      "lost_answer", "truncated_answer", "damaged_answer", "damaged_request", "held_answer"};
  return kNames[static_cast<std::size_t>(fault)];
}

FaultyHttpProxy::FaultyHttpProxy(Endpoint upstream, WireFault fault) : upstream_(std::move(upstream)), fault_(fault) {
  auto listener = TcpListener::listen({"127.0.0.1", 0});
  HF_CHECK(listener.has_value());
  endpoint_ = listener->endpoint();
  thread_ = std::jthread(
      [this, l = std::move(*listener)](const std::stop_token& stop) mutable { accept_loop(std::move(l), stop); });
}

FaultyHttpProxy::~FaultyHttpProxy() {
  thread_.request_stop();
  thread_.join();
}

void FaultyHttpProxy::accept_loop(TcpListener listener, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto stream = listener.accept(Limit::after(clock_, kConnectionTimeout, stop));
    if (!stream) continue;
    connections_.emplace_back(
        [this, s = std::move(*stream)](const std::stop_token& ending) mutable { serve(std::move(s), ending); });
  }
  connections_.clear();  // asks each to stop, and waits
}

// One request a connection: its answer says "Connection: close".
void FaultyHttpProxy::serve(TcpStream client, const std::stop_token& stop) {
  const Limit limit = Limit::after(clock_, kConnectionTimeout, stop);
  const Message request = read_request(client, limit);
  if (!request.head.empty()) ++requests_;
  if (!request.whole) return reset_at_close(client);
  answer(client, request, limit);
}

FaultyHttpProxy::Message FaultyHttpProxy::read_request(TcpStream& client, const Limit& limit) {
  Message out;
  std::string text;
  while (text.find(kHeadEnd) == std::string::npos) {
    if (!receive_some(client, text, limit)) return out;
  }
  const std::size_t end = text.find(kHeadEnd) + kHeadEnd.size();
  out.head = text.substr(0, end);
  out.body = text.substr(end);
  const std::size_t length = parse_whole<std::size_t>(header(out.head, "content-length")).value_or(0);
  if (fault_ == WireFault::kResetRequest && is_to_be_spoiled(out)) return out;  // not whole: it is reset
  while (out.body.size() < length) {
    if (!receive_some(client, out.body, limit)) return out;
  }
  out.whole = true;
  return out;
}

bool FaultyHttpProxy::is_to_be_spoiled(const Message& request) {
  const std::string line = request.head.substr(0, request.head.find("\r\n"));
  if (fault_ == WireFault::kNone) return false;
  if (fault_ == WireFault::kDamagedRequest && request.body.empty()) return false;
  const bool whole_object =
      line.starts_with("GET ") && line.find('?') == std::string::npos && header(request.head, "range").empty();
  if (fault_ == WireFault::kDamagedAnswer && !whole_object) return false;
  std::lock_guard lock(mutex_);
  const bool first = seen_.insert(line + header(request.head, "x-amz-meta-holdfast-put")).second;
  if (first || always_) ++spoiled_;
  return first || always_;
}

std::string FaultyHttpProxy::forward(const Message& request, const Limit& limit) {
  auto server = TcpStream::connect(upstream_, limit);
  if (!server) return plain_answer("502 Bad Gateway", "BadGateway");
  const std::size_t line_end = request.head.find("\r\n") + 2;
  const std::string text =
      request.head.substr(0, line_end) + "Connection: close\r\n" + request.head.substr(line_end) + request.body;
  std::string answer;
  if (!server->send_all(as_bytes(text), limit)) return plain_answer("502 Bad Gateway", "BadGateway");
  while (receive_some(*server, answer, limit)) {}
  return answer;
}

void FaultyHttpProxy::answer(TcpStream& client, const Message& request, const Limit& limit) {
  const bool spoil = fault_ != WireFault::kResetRequest && is_to_be_spoiled(request);
  Message sent = request;
  if (spoil && fault_ == WireFault::kDamagedRequest) sent.body[sent.body.size() / 2] ^= 1;
  std::string answer;
  if (spoil && fault_ == WireFault::kError500)
    answer = plain_answer("500 Internal Server Error", "InternalError");
  else if (spoil && fault_ == WireFault::kSlowDown)
    answer = plain_answer("503 Slow Down", "SlowDown");
  else
    answer = forward(sent, limit);
  const std::size_t body = answer.find(kHeadEnd) + kHeadEnd.size();
  if (spoil && fault_ == WireFault::kDamagedAnswer && body < answer.size())
    answer[body + (answer.size() - body) / 2] ^= 1;
  if (spoil && fault_ == WireFault::kLostAnswer) answer.clear();
  if (spoil && fault_ == WireFault::kHeldAnswer) {
    std::string hang_up;
    (void)receive_some(client, hang_up, limit);
    return;
  }
  const bool cut = spoil && (fault_ == WireFault::kResetAnswer || fault_ == WireFault::kTruncatedAnswer);
  if (spoil && fault_ == WireFault::kResetAnswer) reset_at_close(client);
  (void)client.send_all(as_bytes(std::string_view(answer).substr(0, cut ? half_of(answer) : answer.size())), limit);
}

}  // namespace hf::remote
