// TCP and UDP to numeric addresses, every call with a deadline and a stop token. Names never come here: libc's resolver
// would ask servers of its own choice and wait for them as long as it likes.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "io/descriptor.h"

namespace hf {

struct Endpoint {
  std::string address;  // numeric, IPv4 or IPv6
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// "127.0.0.1:5353", "[::1]:5353"; without a port only where a default is given.
Result<Endpoint> parse_endpoint(std::string_view text, std::optional<std::uint16_t> default_port = {});
std::string to_string(const Endpoint& e);
bool is_numeric_address(const std::string& address);

// How long a call may take, and who may end it earlier.
struct Limit {
  Clock& clock;
  MonoTime deadline;
  std::stop_token stop;

  static Limit after(Clock& clock, Micros timeout, std::stop_token stop = {}) {
    return {clock, clock.mono() + timeout, std::move(stop)};
  }
};

class TcpStream {
 public:
  // kUnavailable: refused or unreachable. kTimeout, kCancelled: as `limit` says. `from`: the local address, if any.
  static Result<TcpStream> connect(const Endpoint& to, const Limit& limit, const std::string& from = {});
  explicit TcpStream(Descriptor fd, std::string peer) : fd_(std::move(fd)), peer_(std::move(peer)) {}

  Status send_all(ByteView data, const Limit& limit);                            // an error says `maybe`
  Result<std::size_t> receive(MutableByteView out, const Limit& limit);          // 0: the peer closed its side
  Status receive_exactly(MutableByteView out, const Limit& limit);
  Status finish_sending();
  int fd() const { return fd_.get(); }
  const std::string& peer() const { return peer_; }

 private:
  Descriptor fd_;
  std::string peer_;
};

class TcpListener {
 public:
  static Result<TcpListener> listen(const Endpoint& at);                         // port 0: a free one
  Result<TcpStream> accept(const Limit& limit);
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  TcpListener(Descriptor fd, Endpoint endpoint) : fd_(std::move(fd)), endpoint_(std::move(endpoint)) {}
  Descriptor fd_;
  Endpoint endpoint_;
};

// Connected, so that answers of strangers do not get in.
class UdpSocket {
 public:
  static Result<UdpSocket> connect(const Endpoint& to);
  Status send(ByteView datagram);                                                // an error says `none`
  Result<std::size_t> receive(MutableByteView out, const Limit& limit);

 private:
  UdpSocket(Descriptor fd, std::string peer) : fd_(std::move(fd)), peer_(std::move(peer)) {}
  Descriptor fd_;
  std::string peer_;
};

}  // namespace hf
