#include "io/testing_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/check.h"

namespace hf {

std::uint16_t free_port(const std::string& address) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    auto listener = TcpListener::listen({address, 0});
    HF_CHECK(listener.has_value());
    const std::uint16_t port = listener->endpoint().port;
    Descriptor udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    HF_CHECK(::inet_pton(AF_INET, address.c_str(), &at.sin_addr) == 1);
    if (::bind(udp.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) return port;
  }
  HF_CHECK(false);
}

TestServer::TestServer(const std::string& address, Handler handle) : handle_(std::move(handle)), endpoint_{address, 0} {
  restart();
}

void TestServer::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void TestServer::restart() {
  auto listener = TcpListener::listen(endpoint_);
  HF_CHECK(listener.has_value());
  endpoint_ = listener->endpoint();
  thread_ = std::jthread([this, l = std::move(*listener)](std::stop_token stop) mutable { loop(std::move(l), stop); });
}

void TestServer::loop(TcpListener listener, std::stop_token stop) {
  while (!stop.stop_requested()) {
    const Limit limit = Limit::after(clock_, 60s, stop);
    auto stream = listener.accept(limit);
    if (stream) handle_(*stream, limit);
  }
}

}  // namespace hf
