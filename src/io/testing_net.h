// Ports for tests, and a TCP server in a thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "io/sockets.h"

namespace hf {

// A port free for TCP and UDP on `address` a moment ago. Whoever takes it must be ready to lose the race.
std::uint16_t free_port(const std::string& address);

// Accepts on a free port and gives each connection to `handle`, one after the other, in a thread of its own.
class TestServer {
 public:
  using Handler = std::function<void(TcpStream& stream, const Limit& limit)>;
  TestServer(const std::string& address, Handler handle);
  ~TestServer() { stop(); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }
  void stop();     // closes the port
  void restart();  // on the same port

 private:
  void loop(TcpListener listener, std::stop_token stop);

  SystemClock clock_;
  Handler handle_;
  Endpoint endpoint_;
  std::jthread thread_;
};

}  // namespace hf
