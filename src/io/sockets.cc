#include "io/sockets.h"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

namespace hf {
namespace {

constexpr int kBacklog = 64;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

Result<Address> to_address(const Endpoint& e) {
  Address out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET, e.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(e.port);
    out.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, e.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(e.port);
    out.size = sizeof *v6;
  } else {
    return make_error(ErrorKind::kInvalid, "'" + e.address + "' is not a numeric address").with_object(e.address);
  }
  return out;
}

Result<Descriptor> open_socket(const Address& address, int type) {
  Descriptor fd(::socket(address.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "opening", "a socket");
  return fd;
}

// Waits until `events` on `fd`; the error says what was being done, and to whom.
Status wait_for(int fd, short events, const Limit& limit, const StopWake& stopped, std::string_view doing,
                const std::string& peer) {
  while (true) {
    const int millis = poll_millis(limit.clock.mono(), limit.deadline);
    pollfd fds[] = {{fd, events, 0}, {stopped.fd(), POLLIN, 0}};
    const int n = ::poll(fds, 2, millis);
    if (fds[1].revents != 0 && n > 0) {
      return make_error(ErrorKind::kCancelled, std::string(doing) + " " + peer + ": stopped").with_object(peer);
    }
    if (n > 0) return ok();
    if (n < 0 && errno != EINTR) return errno_error(errno, doing, peer);
    if (n == 0 && millis == 0) {
      return make_error(ErrorKind::kTimeout, std::string(doing) + " " + peer + ": no answer in time").with_object(peer);
    }
  }
}

int pending_error(int fd) {
  int err = 0;
  socklen_t size = sizeof err;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 ? errno : err;
}

Result<std::size_t> receive_some(int fd, MutableByteView out, const Limit& limit, const std::string& peer) {
  const StopWake stopped(limit.stop);
  while (true) {
    const ssize_t n = ::recv(fd, out.data(), out.size(), 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR && errno != EAGAIN) return errno_error(errno, "receiving from", peer);
    HF_TRY(wait_for(fd, POLLIN, limit, stopped, "receiving from", peer));
  }
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text, std::optional<std::uint16_t> default_port) {
  const auto wrong = [&](std::string_view why) -> Error {
    return make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not an address with a port: " + std::string(why))
        .with_hint("Write it like 127.0.0.1:5353 or [::1]:5353.");
  };
  std::string_view address = text;
  std::string_view port;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return wrong("']' is missing");
    address = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return wrong("':' should follow ']'");
    if (!port.empty()) port.remove_prefix(1);
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos && text.find(':') == colon) {
    address = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  Endpoint out{std::string(address), default_port.value_or(0)};
  if (!is_numeric_address(out.address)) return wrong("the address is not numeric");
  const bool plain = address.size() == text.size() || (bracketed && address.size() + 2 == text.size());
  if (plain && default_port) return out;
  if (plain) return wrong("the port is missing");
  const auto [end, err] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (err != std::errc() || end != port.data() + port.size()) return wrong("the port is not a number from 0 to 65535");
  return out;
}

std::string to_string(const Endpoint& e) {
  const bool v6 = e.address.find(':') != std::string::npos;
  return (v6 ? "[" + e.address + "]" : e.address) + ":" + std::to_string(e.port);
}

bool is_numeric_address(const std::string& address) {
  in6_addr out{};
  return ::inet_pton(AF_INET, address.c_str(), &out) == 1 || ::inet_pton(AF_INET6, address.c_str(), &out) == 1;
}

Result<TcpStream> TcpStream::connect(const Endpoint& to, const Limit& limit, const std::string& from) {
  const std::string peer = to_string(to);
  HF_ASSIGN(const Address address, to_address(to));
  HF_ASSIGN(Descriptor fd, open_socket(address, SOCK_STREAM));
  if (!from.empty()) {
    HF_ASSIGN(const Address local, to_address({from, 0}));
    if (::bind(fd.get(), local.get(), local.size) < 0) return errno_error(errno, "connecting from", from);
  }
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), address.get(), address.size) < 0) {
    if (errno != EINPROGRESS && errno != EINTR) return errno_error(errno, "connecting to", peer);
    const StopWake stopped(limit.stop);
    HF_TRY(wait_for(fd.get(), POLLOUT, limit, stopped, "connecting to", peer));
    if (const int err = pending_error(fd.get()); err != 0) return errno_error(err, "connecting to", peer);
  }
  return TcpStream(std::move(fd), peer);
}

Status TcpStream::send_all(ByteView data, const Limit& limit) {
  const StopWake stopped(limit.stop);
  while (!data.empty()) {
    const ssize_t n = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      data = data.subspan(static_cast<std::size_t>(n));
      continue;
    }
    if (errno != EINTR && errno != EAGAIN) return errno_error(errno, "sending to", peer_).maybe_happened();
    Status ready = wait_for(fd_.get(), POLLOUT, limit, stopped, "sending to", peer_);
    if (!ready) return std::move(ready).error().maybe_happened();
  }
  return ok();
}

Result<std::size_t> TcpStream::receive(MutableByteView out, const Limit& limit) {
  return receive_some(fd_.get(), out, limit, peer_);
}

Status TcpStream::receive_exactly(MutableByteView out, const Limit& limit) {
  while (!out.empty()) {
    HF_ASSIGN(const std::size_t n, receive(out, limit));
    if (n == 0) return make_error(ErrorKind::kUnavailable, "receiving from " + peer_ + ": closed too early");
    out = out.subspan(n);
  }
  return ok();
}

Status TcpStream::finish_sending() {
  if (::shutdown(fd_.get(), SHUT_WR) < 0) return errno_error(errno, "closing the sending side to", peer_);
  return ok();
}

Result<TcpListener> TcpListener::listen(const Endpoint& at) {
  HF_ASSIGN(const Address address, to_address(at));
  HF_ASSIGN(Descriptor fd, open_socket(address, SOCK_STREAM));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.size) < 0) return errno_error(errno, "binding", to_string(at));
  if (::listen(fd.get(), kBacklog) < 0) return errno_error(errno, "listening on", to_string(at));
  Address bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.size) < 0) {
    return errno_error(errno, "listening on", to_string(at));
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&bound.storage);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&bound.storage);
  const std::uint16_t port = ntohs(bound.family() == AF_INET ? v4->sin_port : v6->sin6_port);
  return TcpListener(std::move(fd), {at.address, port});
}

Result<TcpStream> TcpListener::accept(const Limit& limit) {
  const StopWake stopped(limit.stop);
  const std::string here = to_string(endpoint_);
  while (true) {
    Descriptor fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) return TcpStream(std::move(fd), "a client of " + here);
    if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) return errno_error(errno, "accepting on", here);
    HF_TRY(wait_for(fd_.get(), POLLIN, limit, stopped, "accepting on", here));
  }
}

Result<UdpSocket> UdpSocket::connect(const Endpoint& to) {
  HF_ASSIGN(const Address address, to_address(to));
  HF_ASSIGN(Descriptor fd, open_socket(address, SOCK_DGRAM));
  if (::connect(fd.get(), address.get(), address.size) < 0) return errno_error(errno, "connecting to", to_string(to));
  return UdpSocket(std::move(fd), to_string(to));
}

Status UdpSocket::send(ByteView datagram) {
  if (retry([&] { return ::send(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL); }) < 0) {
    return errno_error(errno, "sending to", peer_);
  }
  return ok();
}

Result<std::size_t> UdpSocket::receive(MutableByteView out, const Limit& limit) {
  return receive_some(fd_.get(), out, limit, peer_);
}

}  // namespace hf
