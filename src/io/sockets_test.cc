#include <gtest/gtest.h>

#include <netinet/in.h>

#include "io/sockets.h"
#include "io/testing_net.h"

namespace hf {
namespace {

TEST(Endpoint, Texts) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:5353").value(), (Endpoint{"127.0.0.1", 5353}));
  EXPECT_EQ(parse_endpoint("[::1]:53").value(), (Endpoint{"::1", 53}));
  EXPECT_EQ(parse_endpoint("10.0.0.1", 53).value(), (Endpoint{"10.0.0.1", 53}));
  EXPECT_EQ(parse_endpoint("::1", 53).value(), (Endpoint{"::1", 53}));
  EXPECT_EQ(parse_endpoint("[::1]", 53).value(), (Endpoint{"::1", 53}));
  EXPECT_EQ(to_string(Endpoint{"::1", 53}), "[::1]:53");
  for (const char* bad : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
                          "localhost:53", "[::1", "[::1]x53", "1.2.3:5", "127.0.0.1:53 "}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
  EXPECT_FALSE(parse_endpoint("127.0.0.1:", 53));
}

struct SocketTest : ::testing::Test {
  SystemClock clock;
  Limit in(Micros timeout, std::stop_token stop = {}) { return Limit::after(clock, timeout, stop); }
};

TEST_F(SocketTest, TcpEcho) {
  TestServer server("127.0.0.1", [](TcpStream& s, const Limit& limit) {
    Bytes buffer(4);
    ASSERT_TRUE(s.receive_exactly(buffer, limit));
    ASSERT_TRUE(s.send_all(buffer, limit));
  });
  auto stream = TcpStream::connect(server.endpoint(), in(30s), "127.0.0.2");
  ASSERT_TRUE(stream) << stream.error().text;
  ASSERT_TRUE(stream->send_all(as_bytes("ping"), in(30s)));
  Bytes buffer(4);
  ASSERT_TRUE(stream->receive_exactly(buffer, in(30s)));
  EXPECT_EQ(to_text(buffer), "ping");
  EXPECT_EQ(stream->receive(buffer, in(30s)).value(), 0U);
  EXPECT_EQ(stream->receive_exactly(buffer, in(30s)).error().kind, ErrorKind::kUnavailable);
}

TEST_F(SocketTest, RefusedTimeoutAndStop) {
  EXPECT_EQ(TcpStream::connect({"127.0.0.1", free_port("127.0.0.1")}, in(30s)).error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(TcpStream::connect({"localhost", 1}, in(30s)).error().kind, ErrorKind::kInvalid);
  TestServer silent("127.0.0.1", [](TcpStream& s, const Limit& limit) {
    Bytes buffer(1);
    (void)s.receive(buffer, limit);
  });
  auto stream = TcpStream::connect(silent.endpoint(), in(30s));
  ASSERT_TRUE(stream);
  Bytes buffer(1);
  EXPECT_EQ(stream->receive(buffer, in(20ms)).error().kind, ErrorKind::kTimeout);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(stream->receive(buffer, in(60s, source.get_token())).error().kind, ErrorKind::kCancelled);
}

TEST_F(SocketTest, SendingToAPeerThatDoesNotReadTimesOutAsMaybe) {
  TestServer deaf("127.0.0.1", [](TcpStream&, const Limit& limit) { limit.clock.sleep_until(limit.deadline, limit.stop); });
  auto stream = TcpStream::connect(deaf.endpoint(), in(30s));
  ASSERT_TRUE(stream);
  const Bytes much(64 << 20);
  Status sent = stream->send_all(much, in(100ms));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(sent.error().effect, Effect::kMaybe);
}

TEST_F(SocketTest, UdpAnswerRefusalAndSilence) {
  Descriptor server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  auto socket = UdpSocket::connect({"127.0.0.1", ntohs(at.sin_port)});
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->send(as_bytes("ask")));
  char buffer[16];
  sockaddr_in peer{};
  ASSERT_EQ(::recvfrom(server.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer), &size), 3);
  ASSERT_EQ(::sendto(server.get(), "told", 4, 0, reinterpret_cast<sockaddr*>(&peer), size), 4);
  Bytes answer(16);
  EXPECT_EQ(socket->receive(answer, in(30s)).value(), 4U);
  EXPECT_EQ(socket->receive(answer, in(10ms)).error().kind, ErrorKind::kTimeout);
  server.close();
  ASSERT_TRUE(socket->send(as_bytes("ask")));
  EXPECT_EQ(socket->receive(answer, in(30s)).error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace hf
