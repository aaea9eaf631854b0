// The pool against real TCP servers: what is kept, what runs at once, what a stop and a proxy do.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "io/testing_net.h"
#include "remote/http.h"

namespace hf::remote {
namespace {

// Reads one request head; false at the end of the connection.
bool read_head(TcpStream& s, const Limit& limit, std::string& head) {
  std::string text;
  Bytes one(1);
  while (!text.ends_with("\r\n\r\n")) {
    auto n = s.receive(one, limit);
    if (!n || *n == 0) return false;
    text += static_cast<char>(one[0]);
  }
  head = text;
  return true;
}

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

struct HttpPoolTest : ::testing::Test {
  SystemClock clock;
  std::atomic<int> connections = 0;
  std::string seen;
  TestServer::Handler keeps_open = [this](TcpStream& s, const Limit& limit) {
    ++connections;
    while (read_head(s, limit, seen) && s.send_all(as_bytes(kHello), limit)) {}
  };
  static HttpRequest request(const Endpoint& to) {
    HttpRequest q;
    q.url = "http://" + to_string(to) + "/x";
    return q;
  }
};

TEST_F(HttpPoolTest, ConnectionsAreUsedAgain) {
  TestServer server("127.0.0.1", keeps_open);
  CurlHttpPool pool(clock, {});
  for (int i = 0; i < 5; ++i) {
    auto answer = pool.send(request(server.endpoint()), 30s, {});
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_EQ(to_text(answer->body), "hello");
  }
  EXPECT_EQ(connections, 1);
}

TEST_F(HttpPoolTest, RequestsOfManyThreadsRunAtOnce) {
  // Each of four servers answers only when all four have been asked.
  std::atomic<int> asked = 0;
  const TestServer::Handler together = [&](TcpStream& s, const Limit& limit) {
    std::string text;
    if (!read_head(s, limit, text)) return;
    ++asked;
    while (asked < 4 && !limit.stop.stop_requested()) std::this_thread::yield();
    (void)s.send_all(as_bytes(kHello), limit);
  };
  TestServer a("127.0.0.1", together), b("127.0.0.1", together), c("127.0.0.1", together), d("127.0.0.1", together);
  CurlHttpPool pool(clock, {});
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (TestServer* server : {&a, &b, &c, &d}) {
      threads.emplace_back([&, server] { good += pool.send(request(server->endpoint()), 30s, {}) ? 1 : 0; });
    }
  }
  EXPECT_EQ(good, 4);
}

TEST_F(HttpPoolTest, AStopAndATimeoutEndATransfer) {
  std::stop_source stop;
  TestServer server("127.0.0.1", [&](TcpStream& s, const Limit& limit) {
    std::string text;
    if (read_head(s, limit, text)) stop.request_stop();
    Bytes rest(1);
    (void)s.receive(rest, limit);
  });
  CurlHttpPool pool(clock, {});
  HttpRequest put = request(server.endpoint());
  put.method = "PUT";
  auto stopped = pool.send(put, 60s, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(stopped.error().effect, Effect::kMaybe);
  auto late = pool.send(request(server.endpoint()), 50ms, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kTimeout);
}

TEST_F(HttpPoolTest, ABodyIsSentFromWhereItLies) {
  std::string body;
  TestServer server("127.0.0.1", [&](TcpStream& s, const Limit& limit) {
    std::string head;
    if (!read_head(s, limit, head)) return;
    Bytes rest(5);
    if (s.receive_exactly(rest, limit)) body = to_text(rest);
    (void)s.send_all(as_bytes(kHello), limit);
  });
  CurlHttpPool pool(clock, {});
  HttpRequest put = request(server.endpoint());
  put.method = "PUT";
  put.body_view = as_bytes("bytes");
  ASSERT_TRUE(pool.send(put, 30s, {}));
  server.stop();
  EXPECT_EQ(body, "bytes");
}

TEST_F(HttpPoolTest, AProxyIsUsedForNamesAndLeftOutWhereItIsSaid) {
  TestServer proxy("127.0.0.1", keeps_open);
  CurlHttpPool pool(clock, {.proxy = "http://" + to_string(proxy.endpoint()), .no_proxy = "127.0.0.1"});
  HttpRequest away;
  away.url = "http://bucket.store.test/x";
  auto answer = pool.send(away, 30s, {});
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_TRUE(seen.starts_with("GET http://bucket.store.test/x HTTP/1.1\r\n")) << seen;
  TestServer direct("127.0.0.1", keeps_open);
  ASSERT_TRUE(pool.send(request(direct.endpoint()), 30s, {}));
  EXPECT_TRUE(seen.starts_with("GET /x HTTP/1.1\r\n")) << seen;
}

}  // namespace
}  // namespace hf::remote
