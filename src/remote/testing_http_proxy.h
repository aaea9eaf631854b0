// A faulty road to a real HTTP server: a proxy on loopback that hands requests on, and spoils each *different* request
// the first time it comes (method, target and the put's nonce tell them apart). So every call meets the fault once, and
// a client that tries again gets through.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "io/sockets.h"

namespace hf::remote {

enum class WireFault : std::uint8_t {
  kNone,
  kError500,         // answered by the proxy; nothing reaches the server
  kSlowDown,         // 503 SlowDown
  kResetRequest,     // the connection is reset in the middle of the request
  kResetAnswer,      // the server did it; the connection is reset in the middle of the answer
  kLostAnswer,       // the server did it; not a byte of its answer comes
  kTruncatedAnswer,  // the answer ends early, in order
  kDamagedAnswer,    // one bit of a whole object's bytes
  kDamagedRequest,   // one bit of a put's bytes
  kHeldAnswer,       // the server did it; the answer is held back until the client hangs up
};
const char* name_of(WireFault fault);

class FaultyHttpProxy {
 public:
  FaultyHttpProxy(Endpoint upstream, WireFault fault);
  ~FaultyHttpProxy();
  FaultyHttpProxy(const FaultyHttpProxy&) = delete;
  FaultyHttpProxy& operator=(const FaultyHttpProxy&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t spoiled() const { return spoiled_; }
  void spoil_always(bool always) { always_ = always; }

 private:
  struct Message {
    std::string head;  // with the empty line
    std::string body;
    bool whole = false;
  };
  void accept_loop(TcpListener listener, const std::stop_token& stop);
  void serve(TcpStream client, const std::stop_token& stop);
  Message read_request(TcpStream& client, const Limit& limit);
  std::string forward(const Message& request, const Limit& limit);
  bool is_to_be_spoiled(const Message& request);
  void answer(TcpStream& client, const Message& request, const Limit& limit);

  SystemClock clock_;
  Endpoint upstream_, endpoint_;
  WireFault fault_;
  std::atomic<bool> always_ = false;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint64_t> spoiled_ = 0;
  std::mutex mutex_;
  std::set<std::string> seen_;
  std::vector<std::jthread> connections_;
  std::jthread thread_;
};

}  // namespace hf::remote
